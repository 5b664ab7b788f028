/**
 * What a map with a `mapId` leaves in Redis beside its outcomes, so that another process can take it up.
 *
 * - `meta`, a hash. `task`; `total`, once the input was read to its end, and `sig`, its signature; `beat`, when its producer
 *   was last heard of; `shared`, once a second process reads its outcomes; `keep`, for how long it is kept after it was
 *   delivered, in ms; `delivered`, once it was and is kept: until when; `retried`, when items that failed were enqueued
 *   again.
 * - `args`, a string: what the call's arguments were, as digests, so that another call is not taken for the same one.
 * - `in`, a hash: bytes of arguments, as of any map, until their job has its outcome; of a job in `failed`, as long as that.
 * - `failed`, a hash: the jobs of which an item failed, so that they can be run again.
 */

import type { Cluster, Redis } from "ioredis";

import { DURABLE_TTL_MS, LATE_READERS_MS } from "./keys/durations.ts";
import type { QueueKeys } from "./keys/keys.ts";
import { READ_CLOCK } from "./keys/redis-clock.ts";
import { runScript } from "../redis/run-script.ts";
import type { Script } from "../redis/run-script.ts";

/** The number of maps that are kept after they were delivered with failures. */
const MAX_KEPT_MAPS = 20;

/**
 * KEYS: meta, args, done, out, failed, in, kept. ARGV: ttlMs, task, number of items or "", 1 if this begins a call, map id,
 * keepMs or "", then (first index, digest) for each chunk. Changes nothing if something differs from what is there, and
 * says what; else gives 1 if the map was there already. One that is kept only because items failed begins anew.
 */
const CLAIM: Script = {
  lua: `${READ_CLOCK}
if ARGV[4] == '1' and redis.call('HEXISTS', KEYS[1], 'delivered') == 1 and redis.call('HEXISTS', KEYS[1], 'keep') == 0 then
  redis.call('UNLINK', KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6])
  redis.call('ZREM', KEYS[7], ARGV[5])
end
local task = redis.call('HGET', KEYS[1], 'task')
if task and task ~= ARGV[2] then return 'task "' .. task .. '"' end
local total = redis.call('HGET', KEYS[1], 'total')
if total and ARGV[3] ~= '' and total ~= ARGV[3] then return total .. ' items' end
for i = 7, #ARGV, 2 do
  local at = tonumber(ARGV[i])
  if total and at >= tonumber(total) then return total .. ' items' end
  local digest = redis.call('GETRANGE', KEYS[2], at * 4, at * 4 + 3)
  if digest ~= '' and digest ~= '\\0\\0\\0\\0' and digest ~= ARGV[i + 1] then
    return 'other arguments at index ' .. at .. ', or another chunksize'
  end
end
redis.call('HSET', KEYS[1], 'task', ARGV[2], 'beat', now)
if ARGV[6] ~= '' then redis.call('HSET', KEYS[1], 'keep', ARGV[6]) end
for i = 7, #ARGV, 2 do redis.call('SETRANGE', KEYS[2], tonumber(ARGV[i]) * 4, ARGV[i + 1]) end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
redis.call('PEXPIRE', KEYS[2], ARGV[1])
if task and ARGV[4] == '1' then redis.call('HSET', KEYS[1], 'shared', 1) end
return task and 1 or 0`,
};

/**
 * KEYS: meta, args, failed. ARGV: ttlMs, task, total or "", its signature or "", keepMs or "". Writes all of it again,
 * because Redis may have lost it.
 */
const BEAT: Script = {
  lua: `${READ_CLOCK}
redis.call('HSET', KEYS[1], 'task', ARGV[2], 'beat', now)
if ARGV[3] ~= '' then redis.call('HSET', KEYS[1], 'total', ARGV[3]) end
if ARGV[4] ~= '' then redis.call('HSET', KEYS[1], 'sig', ARGV[4]) end
if ARGV[5] ~= '' then redis.call('HSET', KEYS[1], 'keep', ARGV[5]) end
for i = 1, 3 do redis.call('PEXPIRE', KEYS[i], ARGV[1]) end
return 1`,
};

/** KEYS: meta, out. ARGV: ttlMs, total, its signature or "". Gives the valid total; other readers learn it from `out`. */
const SEAL: Script = {
  lua: `
local total = redis.call('HGET', KEYS[1], 'total')
if total then return total end
redis.call('HSET', KEYS[1], 'total', ARGV[2])
if ARGV[3] == '' then
  redis.call('XADD', KEYS[2], '*', 'total', ARGV[2])
else
  redis.call('HSET', KEYS[1], 'sig', ARGV[3])
  redis.call('XADD', KEYS[2], '*', 'total', ARGV[2], 'sig', ARGV[3])
end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
redis.call('PEXPIRE', KEYS[2], ARGV[1])
return ARGV[2]`,
};

/** KEYS: meta. Gives task, total ("" if not known), for how many ms its producer has been silent, the total's signature. */
const FIND: Script = {
  lua: `${READ_CLOCK}
local task = redis.call('HGET', KEYS[1], 'task')
if not task then return false end
redis.call('HSET', KEYS[1], 'shared', 1)
return {task, redis.call('HGET', KEYS[1], 'total') or '', now - (redis.call('HGET', KEYS[1], 'beat') or 0),
  redis.call('HGET', KEYS[1], 'sig') or ''}`,
};

/**
 * Lua that forgets a map, for a script with the KEYS of CLAIM. A second process that reads the map's outcomes may go on
 * for `LATE_READERS_MS`.
 */
const forget = (mapId: string): string => `
redis.call('ZREM', KEYS[7], ${mapId})
local shared = redis.call('HGET', KEYS[1], 'shared')
redis.call('UNLINK', KEYS[1], KEYS[2], KEYS[3], KEYS[5], KEYS[6])
if shared then redis.call('PEXPIRE', KEYS[4], ${LATE_READERS_MS}) else redis.call('UNLINK', KEYS[4]) end`;

/** KEYS: as CLAIM. ARGV: map id. */
const DROP: Script = {
  lua: `${forget("ARGV[1]")}
return 1`,
};

/**
 * KEYS: as CLAIM. ARGV: map id, ttlMs, number of maps to keep for a retry, what the keys of maps begin with, for how long
 * its outcomes were read, in ms, and 1 if it may be kept for a retry, 2 if it is kept whether or not an item of it failed
 * on this shard. Keeps a map with \`keep\` for that time, counted from its first delivery, and a map that can be retried
 * for ttlMs; the oldest of those to be retried go if there are too many. Forgets all others.
 */
const DELIVER: Script = {
  lua: `${READ_CLOCK}
-- A retry began while its outcomes were read: those that failed are under way again, and the map stays as it is.
if (tonumber(redis.call('HGET', KEYS[1], 'retried')) or 0) >= now - ARGV[5] then return 1 end
local keep = tonumber(redis.call('HGET', KEYS[1], 'keep'))
if keep then
  local stays = tonumber(redis.call('HGET', KEYS[1], 'delivered')) or now + keep
  redis.call('HSET', KEYS[1], 'delivered', string.format('%d', stays))
  for i = 1, 6 do redis.call('PEXPIRE', KEYS[i], string.format('%d', math.max(1, stays - now))) end
  return 1
end
if ARGV[6] ~= '2' and (ARGV[6] ~= '1' or redis.call('EXISTS', KEYS[5]) == 0) then ${forget("ARGV[1]")}
  return 0
end
redis.call('HSET', KEYS[1], 'delivered', string.format('%d', now + ARGV[2]))
for i = 1, 6 do redis.call('PEXPIRE', KEYS[i], ARGV[2]) end
redis.call('ZADD', KEYS[7], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[7], '-inf', now - ARGV[2])
for _, id in ipairs(redis.call('ZRANGE', KEYS[7], 0, -ARGV[3] - 1)) do
  redis.call('ZREM', KEYS[7], id)
  for _, part in ipairs({'meta', 'args', 'done', 'out', 'failed', 'in'}) do
    redis.call('UNLINK', ARGV[4] .. id .. ':' .. part)
  end
end
redis.call('PEXPIRE', KEYS[7], ARGV[2])
return 1`,
};

/** What Redis has of a durable map. */
export interface FoundDurableMap {
  readonly task: string;
  /** Number of items, as text; `""` until its producer has read the input to its end. */
  readonly total: string;
  /** How long ago its producer last gave a sign of life, in ms. */
  readonly silentMs: number;
  /** Signature of the total, or `""`. */
  readonly sig: string;
}

/** The scripts for the durable maps of one queue, on one connection. */
export class DurableScripts {
  readonly #redis: Redis | Cluster;
  readonly #keys: QueueKeys;

  constructor(redis: Redis | Cluster, keys: QueueKeys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  /**
   * Begins a map, takes up an existing one, or continues it. Gives whether the map existed; or, as text, in what the call
   * differs from the existing map.
   *
   * @param call - `begins`: whether this is the first claim of a call; `keepMs`: for how long it is kept once delivered
   * @param digests - of each chunk: its first index, four bytes
   */
  async claim(
    mapId: string,
    call: {
      readonly task: string;
      readonly total: number | undefined;
      readonly begins: boolean;
      readonly keepMs?: number | undefined;
    },
    digests: readonly (readonly [at: number, digest: Buffer])[],
  ): Promise<boolean | string> {
    const facts = [call.task, call.total ?? "", call.begins ? 1 : 0, mapId, call.keepMs ?? ""];
    const args = [DURABLE_TTL_MS, ...facts, ...digests.flat()];
    const reply = await runScript(this.#redis, CLAIM, this.#allKeys(mapId), args);
    return typeof reply === "string" ? reply : reply === 1;
  }

  /** Notes that the map's producer is alive. */
  async beat(
    mapId: string,
    facts: {
      readonly task: string;
      readonly total: number | undefined;
      readonly sig: string;
      readonly keepMs: number | undefined;
    },
  ): Promise<void> {
    const { task, total, sig, keepMs } = facts;
    const keys = [this.#keys.meta(mapId), this.#keys.args(mapId), this.#keys.failed(mapId)];
    await runScript(this.#redis, BEAT, keys, [DURABLE_TTL_MS, task, total ?? "", sig, keepMs ?? ""]);
  }

  /**
   * Notes that the input was read to its end. Gives the number of items that counts, which is that of an earlier call if
   * there was one.
   */
  async seal(mapId: string, total: number, sig: string): Promise<number> {
    const keys = [this.#keys.meta(mapId), this.#keys.out(mapId)];
    return Number(await runScript(this.#redis, SEAL, keys, [DURABLE_TTL_MS, total, sig]));
  }

  /** Gives what Redis has of a map, and notes that a second process reads it; `undefined` if there is no such map. */
  async find(mapId: string): Promise<FoundDurableMap | undefined> {
    const reply = await runScript(this.#redis, FIND, [this.#keys.meta(mapId)], []);
    if (reply === null) return undefined;
    const [task, total, silentMs, sig] = reply as [string, string, number, string];
    return { task, total, silentMs, sig };
  }

  /** Forgets a map. A second process that reads its outcomes may go on for a while. */
  async drop(mapId: string): Promise<void> {
    await runScript(this.#redis, DROP, this.#allKeys(mapId), [mapId]);
  }

  /**
   * After a map was delivered: keeps it as long as its call asked for, or for a retry of failed items, or forgets it.
   *
   * @param read - `forMs`: for how long its outcomes were read; `mayBeRetried`: items failed, and it is not too large;
   *   `isKept`: it is kept for a retry, though the items that failed may be on another shard
   */
  async deliver(
    mapId: string,
    read: { readonly forMs: number; readonly mayBeRetried: boolean; readonly isKept: boolean },
  ): Promise<void> {
    const meta = this.#keys.meta(mapId);
    const base = meta.slice(0, meta.lastIndexOf(mapId));
    const facts = [MAX_KEPT_MAPS, base, Math.ceil(read.forMs), read.isKept ? 2 : read.mayBeRetried ? 1 : 0];
    await runScript(this.#redis, DELIVER, this.#allKeys(mapId), [mapId, DURABLE_TTL_MS, ...facts]);
  }

  #allKeys(mapId: string): string[] {
    const keys = this.#keys;
    const own = [keys.meta(mapId), keys.args(mapId), keys.done(mapId), keys.out(mapId), keys.failed(mapId)];
    return [...own, keys.in(mapId), keys.kept];
  }
}
