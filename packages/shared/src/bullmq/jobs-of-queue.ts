import type { Cluster, Redis } from "ioredis";

import type { QueueKeys } from "../store/keys/keys.ts";
import { stagedJobs } from "../store/staged-jobs.ts";

const LISTS = ["wait", "active", "paused"];
const SETS = ["prioritized", "delayed"];

/** Gives the ids of all jobs of a queue that are neither completed nor failed. */
export async function jobsOfQueue(redis: Redis | Cluster, keys: QueueKeys): Promise<string[]> {
  const ids = await Promise.all([
    ...LISTS.map((name) => redis.lrange(keys.job(name), 0, -1)),
    stagedJobs(redis, keys),
    ...SETS.map((name) => redis.zrange(keys.job(name), "0", "-1")),
  ]);
  return ids.flat();
}
