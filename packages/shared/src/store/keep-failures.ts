/** Keeps the failed jobs of a map that has ended, so that somebody can run them once more by hand. */

import type { Cluster, Redis } from "ioredis";

import { KEPT_FAILURES_MS } from "./keys/durations.ts";
import type { QueueKeys } from "./keys/keys.ts";
import { READ_CLOCK } from "./keys/redis-clock.ts";
import { runScript } from "../redis/run-script.ts";
import type { Script } from "../redis/run-script.ts";

/** Failed jobs are kept for this many maps of a queue, those that ended last. */
const MAX_MAPS = 100;

/**
 * KEYS: done, out, in, failed, kept-failures. ARGV: map id, ttlMs, number of maps, what the keys of maps begin with. Forgets
 * the map, but for its failed jobs and the bytes of their arguments. Of too many maps, the oldest go.
 */
const KEEP_FAILURES: Script = {
  lua: `${READ_CLOCK}
redis.call('UNLINK', KEYS[1], KEYS[2])
if redis.call('EXISTS', KEYS[4]) == 0 then
  redis.call('UNLINK', KEYS[3])
  return 0
end
for _, at in ipairs(redis.call('HKEYS', KEYS[3])) do
  if redis.call('HEXISTS', KEYS[4], at) == 0 then redis.call('HDEL', KEYS[3], at) end
end
redis.call('PEXPIRE', KEYS[3], ARGV[2])
redis.call('PEXPIRE', KEYS[4], ARGV[2])
redis.call('ZADD', KEYS[5], now, ARGV[1])
redis.call('PEXPIRE', KEYS[5], ARGV[2])
for _, id in ipairs(redis.call('ZRANGE', KEYS[5], 0, -ARGV[3] - 1)) do
  redis.call('ZREM', KEYS[5], id)
  redis.call('UNLINK', ARGV[4] .. id .. ':in', ARGV[4] .. id .. ':failed')
end
return 1`,
};

/** Forgets a map, except for what is needed to run its failed jobs again. */
export async function keepFailures(redis: Redis | Cluster, keys: QueueKeys, mapId: string): Promise<void> {
  const failed = keys.failed(mapId);
  const base = failed.slice(0, failed.lastIndexOf(mapId));
  const mapKeys = [keys.done(mapId), keys.out(mapId), keys.in(mapId), failed, keys.keptFailures];
  await runScript(redis, KEEP_FAILURES, mapKeys, [mapId, KEPT_FAILURES_MS, MAX_MAPS, base]);
}
