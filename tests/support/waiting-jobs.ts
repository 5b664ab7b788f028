import type { Redis } from "ioredis";

import { readQueue } from "@poolmq/shared/redis";
import type { QueueKeys } from "@poolmq/shared/redis";

/** How many jobs of a queue wait for a worker, in BullMQ's lists and on the stages of their maps. */
export async function waitingJobs(redis: Redis, keys: QueueKeys): Promise<number> {
  return (await readQueue(redis, keys)).jobs.waiting;
}
