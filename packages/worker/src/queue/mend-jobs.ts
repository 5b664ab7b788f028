/**
 * BullMQ parses some fields of a job before anything of ours sees it. One that is damaged makes every fetch of its job
 * throw, after which the job is active, held by nobody, and fetched again when its lock has expired, for ever.
 */

import type { Cluster, Redis } from "ioredis";
import type { Logger } from "pino";

import { mendActiveJobs } from "@poolmq/shared/redis";
import type { QueueKeys } from "@poolmq/shared/redis";

/** Takes what can't be read from the jobs that are active, and says so. What they run is in other fields. */
export async function mendJobs(redis: Redis | Cluster, keys: QueueKeys, log: Logger): Promise<void> {
  try {
    const jobs = await mendActiveJobs(redis, keys);
    if (jobs.length > 0) log.error({ jobs }, "damaged jobs mended: they run once their locks have expired");
  } catch (error) {
    log.warn({ err: error }, "damaged jobs not mended");
  }
}
