/** How a map is opened: from then on its outcomes are wanted. */

import type { Script } from "../redis/run-script.ts";

/** What a script needs to open a map. */
export interface MapOpening {
  readonly keys: readonly [done: string, out: string, in_: string];
  /** How long the keys outlive the last sign of the map's producer, in ms. */
  readonly ttlMs: number;
}

/**
 * Lua: `openMap(done, out, bytes, ttlMs)` opens a map, or renews its keys' TTL. Gives whether the map was new. If it was,
 * it has removed what an earlier map of this id left for late readers. Makes the first two keys, so that neither is ever
 * without a TTL.
 */
export const OPEN_MAP: string = `
local function openMap(done, out, bytes, ttlMs)
  local isNew = redis.call('SET', done, '\\0', 'NX', 'PX', ttlMs)
  if isNew then redis.call('DEL', out) else redis.call('PEXPIRE', done, ttlMs) end
  if isNew or redis.call('EXISTS', out) == 0 then
    redis.call('XGROUP', 'CREATE', out, 'none', '0', 'MKSTREAM')
    redis.call('XGROUP', 'DESTROY', out, 'none')
  end
  redis.call('PEXPIRE', out, ttlMs)
  redis.call('PEXPIRE', bytes, ttlMs)
  return isNew and true
end`;

/** KEYS: done, out, in. ARGV: ttlMs. Gives 1 if the map was new. */
export const OPEN: Script = {
  lua: `${OPEN_MAP}
return openMap(KEYS[1], KEYS[2], KEYS[3], ARGV[1]) and 1 or 0`,
};
