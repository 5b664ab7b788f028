import type { Cluster, Redis } from "ioredis";

import { Queue, plainJobs } from "@poolmq/shared/redis";
import type { QueueKeys } from "@poolmq/shared/redis";

import type { ControlOptions } from "./control-options.ts";
import { Orders } from "./orders.ts";

/** What it takes to change a queue and its maps from outside. */
export class QueueAccess {
  readonly redis: Redis | Cluster;
  readonly keys: QueueKeys;
  readonly queue: Queue;
  readonly orders: Orders;

  /** The connection stays the caller's. */
  constructor(redis: Redis | Cluster, options: ControlOptions) {
    this.redis = redis;
    this.orders = new Orders(redis, options);
    this.keys = this.orders.keys;
    // `skipMetasUpdate`: it must not write options of its own to the queue. The jobs that it adds belong to durable maps,
    // which are staged.
    const bull = { connection: redis, prefix: this.keys.bullPrefix, skipMetasUpdate: true };
    this.queue = new Queue(this.keys.bullName, bull, plainJobs(redis, undefined, true));
    this.queue.on("error", () => {}); // failed commands reject for their caller
  }

  /** Closes what this object opened; the connection stays open. */
  async close(): Promise<void> {
    await this.queue.close();
  }
}
