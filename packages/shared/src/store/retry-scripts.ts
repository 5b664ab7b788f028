/**
 * Runs the failed jobs of a durable map again.
 *
 *   failed ──▶ (outcome out of `out`, bit to 0) ──▶ BullMQ job ──▶ (entry out of `failed`)
 *
 * The process may die after any step: the next retry then finds the entry again, and enqueuing a job twice has the same
 * effect as enqueuing it once.
 */

import type { Cluster, Redis } from "ioredis";

import { DURABLE_TTL_MS } from "./keys/durations.ts";
import type { QueueKeys } from "./keys/keys.ts";
import { READ_CLOCK } from "./keys/redis-clock.ts";
import { runScript } from "../redis/run-script.ts";
import type { Script } from "../redis/run-script.ts";
import type { FailedJob } from "../wire.ts";

/** KEYS: meta, failed. Gives whether the map is there, whether it was delivered, for how long it was silent, whether jobs failed. */
const LOOK: Script = {
  lua: `${READ_CLOCK}
local beat = redis.call('HGET', KEYS[1], 'beat')
return {redis.call('EXISTS', KEYS[1]), redis.call('HEXISTS', KEYS[1], 'delivered'), now - (beat or 0),
  redis.call('EXISTS', KEYS[2])}`,
};

/**
 * KEYS: kept, then all keys of the map, meta first. ARGV: map id, ttlMs. Notes that the map is under way again; gives
 * when that was.
 */
const REOPEN: Script = {
  lua: `${READ_CLOCK}
redis.call('HDEL', KEYS[2], 'delivered')
-- Nobody waits for it, however lately somebody did.
redis.call('HSET', KEYS[2], 'retried', now, 'beat', 0)
redis.call('ZREM', KEYS[1], ARGV[1])
for i = 2, #KEYS do redis.call('PEXPIRE', KEYS[i], ARGV[2]) end
return now`,
};

/** KEYS: done, out, failed. ARGV: index, entry of `failed`. Removes the outcome; gives 0 if the entry is not there. */
const TAKE_BACK: Script = {
  lua: `
if redis.call('HGET', KEYS[3], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('XDEL', KEYS[2], string.match(ARGV[2], '^%S+'))
redis.call('SETBIT', KEYS[1], ARGV[1], 0)
return 1`,
};

/** KEYS: failed. ARGV: index, entry. The entry is compared first, since the job may have failed again meanwhile. */
const FORGET: Script = {
  lua: `if redis.call('HGET', KEYS[1], ARGV[1]) == ARGV[2] then redis.call('HDEL', KEYS[1], ARGV[1]) end return 1`,
};

/** Entries of `failed` that are read at a time. */
const BATCH = 500;

/** What a retry finds of a map. */
export interface RetryLook {
  readonly exists: boolean;
  /** Its producer has taken all outcomes. */
  readonly delivered: boolean;
  /** How long ago its producer last gave a sign of life, in ms. */
  readonly silentMs: number;
  readonly hasFailed: boolean;
}

/** A job of which an item failed. */
export interface FailedEntry {
  readonly at: number;
  /** As it is in Redis. */
  readonly text: string;
  readonly job: FailedJob;
}

/** The scripts for retries of one queue's maps, on one connection. */
export class RetryScripts {
  readonly #redis: Redis | Cluster;
  readonly #keys: QueueKeys;

  constructor(redis: Redis | Cluster, keys: QueueKeys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  async look(mapId: string): Promise<RetryLook> {
    const keys = [this.#keys.meta(mapId), this.#keys.failed(mapId)];
    const look = (await runScript(this.#redis, LOOK, keys, [])) as [number, number, number, number];
    const [exists, delivered, silentMs, hasFailed] = look;
    return { exists: exists === 1, delivered: delivered === 1, silentMs, hasFailed: hasFailed === 1 };
  }

  /** Notes that the map is under way again; gives when, by Redis's clock, in ms. */
  async reopen(mapId: string): Promise<number> {
    const keys = this.#keys;
    const own = [keys.meta(mapId), keys.args(mapId), keys.done(mapId), keys.out(mapId)];
    const all = [keys.kept, ...own, keys.failed(mapId), keys.in(mapId)];
    return Number(await runScript(this.#redis, REOPEN, all, [mapId, DURABLE_TTL_MS]));
  }

  /**
   * Gives the failed jobs of a map, some at a time.
   *
   * @param sinceMs - leaves out those that failed at that moment or later, by Redis's clock: they have failed again
   */
  async *failed(mapId: string, sinceMs: number): AsyncGenerator<readonly FailedEntry[], void> {
    for (let cursor = "0"; ;) {
      const [next, fields] = await this.#redis.hscan(this.#keys.failed(mapId), cursor, "COUNT", BATCH);
      yield entriesBefore(sinceMs, fields);
      if (next === "0") return;
      cursor = next;
    }
  }

  /** Removes the outcomes of these jobs. Gives the jobs whose outcomes were there; another retry has taken the others. */
  async takeBack(mapId: string, entries: readonly FailedEntry[]): Promise<FailedEntry[]> {
    const keys = [this.#keys.done(mapId), this.#keys.out(mapId), this.#keys.failed(mapId)];
    const taken = await Promise.all(
      entries.map(({ at, text }) => runScript(this.#redis, TAKE_BACK, keys, [at, text])),
    );
    return entries.filter((_, place) => taken[place] === 1);
  }

  /** Removes the entries of these jobs, which are in the queue again. */
  async forget(mapId: string, entries: readonly FailedEntry[]): Promise<void> {
    const keys = [this.#keys.failed(mapId)];
    await Promise.all(entries.map(({ at, text }) => runScript(this.#redis, FORGET, keys, [at, text])));
  }
}

/** @param fields - index, entry, index, entry, … */
function entriesBefore(ms: number, fields: readonly string[]): FailedEntry[] {
  return fields.flatMap((at, place) => {
    if (place % 2 === 1) return [];
    const text = fields[place + 1] ?? "";
    // The id of the outcome in its stream begins with the time.
    if (Number.parseInt(text) >= ms) return [];
    return [{ at: Number(at), text, job: JSON.parse(text.slice(text.indexOf(" ") + 1)) as FailedJob }];
  });
}
