/**
 * BullMQ parses some fields of a job before anything of ours sees it. One that is damaged makes every fetch of its job
 * throw, after which the job is active, held by nobody, and fetched again when its lock has expired, for ever.
 */

import type { Cluster, Redis } from "ioredis";
import type { Logger } from "pino";

import type { QueueKeys } from "@poolmq/shared/redis";

/** Takes what can't be read from the jobs that are active, and says so. What they run is in other fields. */
export async function mendJobs(redis: Redis | Cluster, keys: QueueKeys, log: Logger): Promise<void> {
  try {
    const jobs = await mendActive(redis, keys);
    if (jobs.length > 0) log.error({ jobs }, "damaged jobs mended: they run once their locks have expired");
  } catch (error) {
    log.warn({ err: error }, "damaged jobs not mended");
  }
}

/** Gives the ids of the jobs that were mended. */
async function mendActive(redis: Redis | Cluster, keys: QueueKeys): Promise<string[]> {
  const mended: string[] = [];
  for (const id of await redis.lrange(keys.job("active"), 0, -1)) {
    const key = keys.job(id);
    const [opts, parent] = await redis.hmget(key, "opts", "parent");
    // Without options a job has the attempts that the function's definition says, else one.
    if (!isReadable(opts)) await redis.hset(key, "opts", "{}");
    if (!isReadable(parent)) await redis.hdel(key, "parent", "parentKey");
    if (!isReadable(opts) || !isReadable(parent)) mended.push(id);
  }
  return mended;
}

function isReadable(text: string | null | undefined): boolean {
  if (text === null || text === undefined || text === "") return true;
  try {
    const value = JSON.parse(text) as unknown;
    return typeof value === "object" && value !== null;
  } catch {
    return false;
  }
}
