/** Pauses a queue, resumes it, and removes what nobody will fetch. */

import { Queue } from "bullmq";
import type { Cluster, Redis } from "ioredis";

import { forgetMap, queueKeys, readQueue, wakeForStaged } from "@poolmq/shared/redis";
import type { QueueKeys } from "@poolmq/shared/redis";

import type { ControlOptions } from "./control-options.ts";
import { MapControl } from "./map-control.ts";
import { OrphanedJobs } from "../watch/orphaned-jobs.ts";
import { Orders } from "./orders.ts";

export class QueueControl {
  readonly #redis: Redis | Cluster;
  readonly #options: ControlOptions;
  readonly #keys: QueueKeys;
  readonly #queue: Queue;
  readonly #orders: Orders;

  /** The connection stays the caller's. */
  constructor(redis: Redis | Cluster, options: ControlOptions) {
    this.#redis = redis;
    this.#options = options;
    this.#keys = queueKeys(options.queue, options.prefix);
    this.#orders = new Orders(redis, this.#keys, options.signingKeys);
    const bull = { connection: redis, prefix: this.#keys.bullPrefix, skipMetasUpdate: true };
    this.#queue = new Queue(this.#keys.bullName, bull);
    this.#queue.on("error", () => {}); // the one who asks is told
  }

  /** Workers finish what they have, and take no more. */
  async pause(): Promise<void> {
    await this.#queue.pause();
    await this.#note("paused the queue");
  }

  async resume(): Promise<void> {
    await this.#queue.resume();
    await wakeForStaged(this.#redis, this.#keys);
    await this.#note("resumed the queue");
  }

  /** Gives the maps whose jobs wait for nobody, and how many these are. */
  async dead(): Promise<ReadonlyMap<string, number>> {
    const reading = await readQueue(this.#redis, this.#keys);
    return await new OrphanedJobs(this.#redis, this.#keys).byMap(reading);
  }

  /** Removes the remains of a map: its jobs, its outcomes, what its producer told of it. Gives how many jobs were removed. */
  async purge(mapId: string): Promise<number> {
    const maps = new MapControl(this.#redis, this.#options);
    try {
      const jobs = await maps.remove(mapId);
      await forgetMap(this.#redis, this.#keys, mapId);
      await this.#note(`purged the map ${mapId}`);
      return jobs;
    } finally {
      await maps.close();
    }
  }

  /** Lets go of the connection. */
  async close(): Promise<void> {
    await this.#queue.close();
  }

  async #note(what: string): Promise<void> {
    await this.#orders.send({ t: "notice", what, by: this.#options.by });
  }
}
