import type { Cluster, Redis } from "ioredis";

import { runScript } from "../redis/run-script.ts";
import type { Script } from "../redis/run-script.ts";
import type { QueueKeys } from "./keys/keys.ts";

/**
 * KEYS: shared values. ARGV: ttlMs. Gives the places, from 1 on, of those that are gone. A time that is longer stays: another
 * pool may have a map that needs the value for longer than the pool that sent it.
 */
const RENEW: Script = {
  lua: `
local gone = {}
for i, key in ipairs(KEYS) do
  local left = redis.call('PTTL', key)
  if left == -2 then gone[#gone + 1] = i
  elseif left < tonumber(ARGV[1]) then redis.call('PEXPIRE', key, ARGV[1]) end
end
return gone`,
};

/** Values that are renewed in one script. */
const AT_ONCE = 500;

/** Keeps shared values from expiring for `ttlMs` at least. Gives the ids of those that Redis does not have. */
export async function renewShares(
  redis: Redis | Cluster,
  keys: QueueKeys,
  shareIds: readonly string[],
  ttlMs: number,
): Promise<string[]> {
  const gone: string[] = [];
  for (let start = 0; start < shareIds.length; start += AT_ONCE) {
    const some = shareIds.slice(start, start + AT_ONCE);
    const names = some.map((id) => keys.share(id));
    const places = (await runScript(redis, RENEW, names, [ttlMs])) as number[];
    gone.push(...some.filter((_, place) => places.includes(place + 1)));
  }
  return gone;
}
