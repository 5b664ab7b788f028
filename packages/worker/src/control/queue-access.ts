import type { Queue } from "bullmq";
import type { Cluster, Redis } from "ioredis";

import type { QueueKeys } from "@poolmq/shared/redis";

import type { Orders } from "./orders.ts";

/** What it takes to change the maps of a queue from outside. */
export interface QueueAccess {
  readonly redis: Redis | Cluster;
  readonly keys: QueueKeys;
  readonly queue: Queue;
  readonly orders: Orders;
}
