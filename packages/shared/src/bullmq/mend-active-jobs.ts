import type { Cluster, Redis } from "ioredis";

import type { QueueKeys } from "../store/keys/keys.ts";

/**
 * Replaces options and parents of active jobs that are not valid JSON. BullMQ parses both before it hands out a job, so
 * that one such job would stop the worker. Gives the ids of the jobs that were mended.
 */
export async function mendActiveJobs(redis: Redis | Cluster, keys: QueueKeys): Promise<string[]> {
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
