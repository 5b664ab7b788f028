/**
 * What a map with a `mapId` leaves in Redis beside its outcomes, so that another process can take it up.
 *
 * - `meta`, a hash. `task`; `total`, once the input was read to its end, and `sig`, its signature; `beat`, when its producer
 *   was last heard of; `shared`, once a second process reads its outcomes; `delivered`, once it was, if items failed;
 *   `retried`, when some of them were enqueued again.
 * - `args`, a string: what the call's arguments were, as digests, so that another call is not taken for the same one.
 * - `in`, a hash: bytes of arguments, as of any map, until their job has its outcome; of a job in `failed`, as long as that.
 * - `failed`, a hash: the jobs of which an item failed, so that they can be run again.
 *
 * A map of which items failed is kept when it was delivered, for `poolmq retry` and `attach()`. The same call again
 * begins it anew.
 */

import { createHash } from "node:crypto";

import type { Cluster, Redis } from "ioredis";

import { IncompleteMapError, MapIdInUseError, UnknownMapError } from "@poolmq/shared";
import type { QueueKeys } from "@poolmq/shared/internal";

import type { Chunk } from "../map/chunk.ts";
import type { MapEnd } from "../map/sink.ts";
import type { CarriedMap } from "../map/transport.ts";
import type { Seals } from "./seals.ts";

/** How long a durable map waits for someone to fetch it, in ms. */
export const DURABLE_TTL_MS: number = 24 * 60 * 60_000;

/** A producer that has not been heard of for this long will not enqueue the rest of its input. */
const PRODUCER_SILENCE_MS = 15_000;

/** Whoever else reads the outcomes of a map that was delivered may go on for this long. */
const LATE_READERS_MS = 30_000;

/** What is kept of maps that were delivered with failures: so many of them, and outcomes of so many characters each. */
const MAX_KEPT_MAPS = 20;
const MAX_KEPT_LENGTH = 32 * 1024 * 1024;

/**
 * KEYS: meta, args, done, out, failed, in, kept. ARGV: ttlMs, task, number of items or "", 1 if this begins a call, map id,
 * then (first index, digest) for each chunk. Changes nothing if something differs from what is there, and says what;
 * else gives 1 if the map was there already. One that was delivered is not.
 */
const CLAIM = `
if ARGV[4] == '1' and redis.call('HEXISTS', KEYS[1], 'delivered') == 1 then
  redis.call('UNLINK', KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6])
  redis.call('ZREM', KEYS[7], ARGV[5])
end
local task = redis.call('HGET', KEYS[1], 'task')
if task and task ~= ARGV[2] then return 'task "' .. task .. '"' end
local total = redis.call('HGET', KEYS[1], 'total')
if total and ARGV[3] ~= '' and total ~= ARGV[3] then return total .. ' items' end
for i = 6, #ARGV, 2 do
  local at = tonumber(ARGV[i])
  if total and at >= tonumber(total) then return total .. ' items' end
  local digest = redis.call('GETRANGE', KEYS[2], at * 4, at * 4 + 3)
  if digest ~= '' and digest ~= '\\0\\0\\0\\0' and digest ~= ARGV[i + 1] then
    return 'other arguments at index ' .. at .. ', or another chunksize'
  end
end
local t = redis.call('TIME')
redis.call('HSET', KEYS[1], 'task', ARGV[2], 'beat', t[1] * 1000 + math.floor(t[2] / 1000))
for i = 6, #ARGV, 2 do redis.call('SETRANGE', KEYS[2], tonumber(ARGV[i]) * 4, ARGV[i + 1]) end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
redis.call('PEXPIRE', KEYS[2], ARGV[1])
if task and ARGV[4] == '1' then redis.call('HSET', KEYS[1], 'shared', 1) end
return task and 1 or 0`;

/** KEYS: meta, args, failed. ARGV: ttlMs, task, total or "", its signature or "". Says it all again: Redis may have lost it. */
const BEAT = `
local t = redis.call('TIME')
redis.call('HSET', KEYS[1], 'task', ARGV[2], 'beat', t[1] * 1000 + math.floor(t[2] / 1000))
if ARGV[3] ~= '' then redis.call('HSET', KEYS[1], 'total', ARGV[3]) end
if ARGV[4] ~= '' then redis.call('HSET', KEYS[1], 'sig', ARGV[4]) end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
redis.call('PEXPIRE', KEYS[2], ARGV[1])
redis.call('PEXPIRE', KEYS[3], ARGV[1])
return 1`;

/** KEYS: meta, out. ARGV: ttlMs, total, its signature or "". Gives the total that stands. Who reads the outcomes learns of it there. */
const SEAL = `
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
return ARGV[2]`;

/** KEYS: meta. Gives task, total ("" if not known), for how many ms its producer has been silent, the total's signature. */
const FIND = `
local task = redis.call('HGET', KEYS[1], 'task')
if not task then return false end
redis.call('HSET', KEYS[1], 'shared', 1)
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
return {task, redis.call('HGET', KEYS[1], 'total') or '', now - (redis.call('HGET', KEYS[1], 'beat') or 0), redis.call('HGET', KEYS[1], 'sig') or ''}`;

/** KEYS: meta, args, done, out, failed, in, kept. ARGV: for how long other readers keep the outcomes, in ms; map id. */
const DROP = `
local shared = redis.call('HGET', KEYS[1], 'shared')
redis.call('UNLINK', KEYS[1], KEYS[2], KEYS[3], KEYS[5], KEYS[6])
redis.call('ZREM', KEYS[7], ARGV[2])
if shared then redis.call('PEXPIRE', KEYS[4], ARGV[1]) else redis.call('UNLINK', KEYS[4]) end
return 1`;

/**
 * KEYS: as DROP. ARGV: ttlMs, map id, number of maps to keep, what the keys of maps begin with, for how long its outcomes
 * were read, in ms. Gives 0 if there is nothing that could be run again. Of too many maps, the oldest go.
 */
const KEEP = `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
-- Under way again since: that we were given failures is no word on it.
if (tonumber(redis.call('HGET', KEYS[1], 'retried')) or 0) >= now - ARGV[5] then return 1 end
if redis.call('EXISTS', KEYS[5]) == 0 then return 0 end
redis.call('HSET', KEYS[1], 'delivered', 1)
for i = 1, 6 do redis.call('PEXPIRE', KEYS[i], ARGV[1]) end
redis.call('ZADD', KEYS[7], now, ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[7], '-inf', now - ARGV[1])
for _, id in ipairs(redis.call('ZRANGE', KEYS[7], 0, -ARGV[3] - 1)) do
  redis.call('ZREM', KEYS[7], id)
  for _, part in ipairs({'meta', 'args', 'done', 'out', 'failed', 'in'}) do
    redis.call('UNLINK', ARGV[4] .. id .. ':' .. part)
  end
end
redis.call('PEXPIRE', KEYS[7], ARGV[1])
return 1`;

/** What a durable map is, as far as it is known. */
export interface DurableMap {
  readonly task: string;
  /** Number of items; `undefined` until its producer has read the input to its end. */
  readonly total: number | undefined;
}

export class DurableMaps {
  readonly #redis: Redis | Cluster;
  readonly #keys: QueueKeys;
  readonly #seals: Seals;

  constructor(redis: Redis | Cluster, keys: QueueKeys, seals: Seals) {
    this.#redis = redis;
    this.#keys = keys;
    this.#seals = seals;
  }

  /**
   * Begins a map, or takes up what is there. True if it was there.
   *
   * @param length - number of items, if it is known
   * @param chunks - the first of them
   * @throws MapIdInUseError if that one has another task, other arguments or another chunksize
   */
  async claim(
    mapId: string,
    task: string,
    length: number | undefined,
    chunks: readonly Chunk[],
  ): Promise<boolean> {
    return await this.#claim(mapId, [task, length ?? "", 1], chunks);
  }

  /** Goes on with a map. @throws MapIdInUseError, as `claim` */
  async add(mapId: string, task: string, chunks: readonly Chunk[]): Promise<void> {
    await this.#claim(mapId, [task, "", 0], chunks);
  }

  /** The map's producer is alive. */
  async beat(mapId: string, task: string, total: number | undefined): Promise<void> {
    const keys = [this.#keys.meta(mapId), this.#keys.args(mapId), this.#keys.failed(mapId)];
    await this.#redis.eval(BEAT, 3, ...keys, DURABLE_TTL_MS, task, total ?? "", this.#signed(mapId, total));
  }

  /** The input was read to its end. @throws MapIdInUseError if an earlier call with this id had another length */
  async seal(mapId: string, total: number): Promise<void> {
    const keys = [this.#keys.meta(mapId), this.#keys.out(mapId)];
    const sig = this.#signed(mapId, total);
    const theirs = Number(await this.#redis.eval(SEAL, 2, ...keys, DURABLE_TTL_MS, total, sig));
    if (theirs !== total) throw new MapIdInUseError({ mapId, difference: `${theirs} items` });
  }

  /**
   * Gives what is known of a map.
   *
   * @throws UnknownMapError; IncompleteMapError if its producer died before it had read its input to the end;
   * SigningKeyError if its total is not signed with our key
   */
  async find(mapId: string): Promise<DurableMap> {
    const reply = await this.#redis.eval(FIND, 1, this.#keys.meta(mapId));
    if (reply === null) throw new UnknownMapError({ mapId });
    const [task, total, silentMs, sig] = reply as [string, string, number, string];
    if (total === "" && silentMs > PRODUCER_SILENCE_MS) {
      throw new IncompleteMapError({ mapId, reason: "its producer died before it had enqueued all items" });
    }
    if (total === "") return { task, total: undefined };
    this.#seals.checkTotal(mapId, Number(total), sig);
    return { task, total: Number(total) };
  }

  /**
   * A map has ended. One that was delivered, and of which items failed, is kept for a retry, if there is something to run
   * again and it is not too large.
   *
   * @param gathered - its `length`: of all outcomes, in characters; `since` when they were read
   */
  async end(
    {
      map,
      length,
      since,
    }: { readonly map: Pick<CarriedMap, "id" | "progress">; readonly length: number; readonly since: number },
    end: MapEnd,
  ): Promise<void> {
    const mayBeKept = "total" in end && map.progress.failed > 0 && length <= MAX_KEPT_LENGTH;
    if (mayBeKept && (await this.#keep(map.id, performance.now() - since))) return;
    await this.#redis.eval(DROP, 7, ...this.#allKeys(map.id), LATE_READERS_MS, map.id);
  }

  /** False if there is nothing that could be run again. */
  async #keep(mapId: string, readForMs: number): Promise<boolean> {
    const meta = this.#keys.meta(mapId);
    const base = meta.slice(0, meta.lastIndexOf(mapId));
    const args = [DURABLE_TTL_MS, mapId, MAX_KEPT_MAPS, base, Math.ceil(readForMs)];
    return (await this.#redis.eval(KEEP, 7, ...this.#allKeys(mapId), ...args)) === 1;
  }

  #allKeys(mapId: string): string[] {
    const keys = this.#keys;
    const own = [keys.meta(mapId), keys.args(mapId), keys.done(mapId), keys.out(mapId), keys.failed(mapId)];
    return [...own, keys.in(mapId), keys.kept];
  }

  #signed(mapId: string, total: number | undefined): string {
    return total === undefined ? "" : this.#seals.total(mapId, total);
  }

  async #claim(
    mapId: string,
    facts: readonly (string | number)[],
    chunks: readonly Chunk[],
  ): Promise<boolean> {
    const digests = chunks.flatMap((chunk) => [chunk.at, digestOf(chunk)]);
    const args = [DURABLE_TTL_MS, ...facts, mapId, ...digests];
    const reply = await this.#redis.eval(CLAIM, 7, ...this.#allKeys(mapId), ...args);
    if (typeof reply === "string") throw new MapIdInUseError({ mapId, difference: reply });
    return reply === 1;
  }
}

/** Four bytes that tell chunks apart; never four zeros, which stand for a chunk that is not known. */
function digestOf({ n, args, bytes }: Chunk): Buffer {
  const hash = createHash("sha256").update(`${n}:`).update(args);
  if (bytes !== undefined) hash.update(bytes);
  const digest = hash.digest().subarray(0, 4);
  digest[0] = (digest[0] ?? 0) | 1;
  return digest;
}
