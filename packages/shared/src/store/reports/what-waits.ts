/** Says what the jobs of a map wait for when none of them runs although machines are there. */

import type { Cluster, Redis } from "ioredis";

import { jobIdOf } from "../keys/keys.ts";
import type { QueueKeys } from "../keys/keys.ts";
import { runScript } from "../../redis/run-script.ts";
import type { Script } from "../../redis/run-script.ts";

/**
 * KEYS: delayed, wait, prioritized, stage, limited. ARGV: what the ids of the map's jobs begin with. Looks at the next
 * thousand jobs of each list only: if the map's jobs are further behind, the answer is the same.
 */
const WHAT_WAITS: Script = {
  lua: `
local function ours(ids)
  for _, id in ipairs(ids) do
    if string.sub(id, 1, #ARGV[1]) == ARGV[1] then return id end
  end
end
if redis.call('LLEN', KEYS[4]) > 0 or ours(redis.call('LRANGE', KEYS[2], -1000, -1))
  or ours(redis.call('ZRANGE', KEYS[3], 0, 999)) then return 'turn' end
local id = ours(redis.call('ZRANGE', KEYS[1], 0, 999))
if not id then return 'turn' end
return redis.call('ZSCORE', KEYS[5], id) and 'limit' or 'retry'`,
};

/** Gives whether a map's jobs wait for their turn, for a permit of their limit, or for the time of another attempt. */
export async function whatWaits(
  redis: Redis | Cluster,
  keys: QueueKeys,
  mapId: string,
): Promise<"turn" | "limit" | "retry"> {
  const lists = [keys.job("delayed"), keys.job("wait"), keys.job("prioritized"), keys.stage(mapId)];
  const args = [jobIdOf(mapId, 0).slice(0, -1)];
  const found = await runScript(redis, WHAT_WAITS, [...lists, keys.limited], args);
  return found === "limit" || found === "retry" ? found : "turn";
}
