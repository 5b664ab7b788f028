import type { RedisQueueBackend } from "bullmq";
import type { Cluster, Redis } from "ioredis";

import { runScript } from "../redis/run-script.ts";
import type { Script } from "../redis/run-script.ts";

/** KEYS: job, its lock, its logs. ARGV: token. Gives 1 if the job was removed. BullMQ's own script has removed the lock before. */
const REMOVE: Script = {
  lua: `
local lock = redis.call('GET', KEYS[2])
if lock and lock ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1], KEYS[2], KEYS[3])
return 1`,
};

/**
 * Removes a job that this machine has run, but that BullMQ refuses to complete because it is not in the list of active
 * jobs: somebody has deleted that list. Nobody else would ever remove the job. A job that another machine has locked
 * stays.
 */
export async function removeStrayJob(
  redis: Redis | Cluster,
  backend: Pick<RedisQueueBackend, "toKey">,
  jobId: string,
  token: string,
): Promise<boolean> {
  const keys = [jobId, `${jobId}:lock`, `${jobId}:logs`].map((name) => backend.toKey(name));
  return (await runScript(redis, REMOVE, keys, [token])) === 1;
}
