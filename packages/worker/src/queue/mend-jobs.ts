/**
 * BullMQ parses some fields of a job before poolmq's code sees it. If one is damaged, every fetch of the job throws. The
 * job is then active without a holder, and is fetched again whenever its lock has expired, for ever.
 */

import type { Cluster, Redis } from "ioredis";
import type { Logger } from "pino";

import { mendActiveJobs } from "@poolmq/shared/redis";
import type { QueueKeys } from "@poolmq/shared/redis";

/** Replaces unreadable fields of active jobs, and logs that. What the jobs run is in other fields. */
export async function mendJobs(redis: Redis | Cluster, keys: QueueKeys, log: Logger): Promise<void> {
  try {
    const jobs = await mendActiveJobs(redis, keys);
    if (jobs.length > 0) log.error({ jobs }, "damaged jobs mended: they run once their locks have expired");
  } catch (error) {
    log.warn({ err: error }, "damaged jobs not mended");
  }
}
