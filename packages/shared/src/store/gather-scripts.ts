/**
 * The gather: how the outcome of every item reaches its producer exactly once, whatever breaks in between.
 *
 *            open                publish                    reconcile
 *   (absent) ────▶ wanted, bit 0 ───────▶ wanted, bit 1 ◀──────────────▶ enqueued again
 *                        └──────── drop ────────┴────▶ (absent: nobody wants outcomes any more)
 *
 * Three keys a map, all in the queue's hash slot:
 * - `done`, a bitmap. It exists from `open` to `drop`. Bit `i` is set once the job whose first item is `i` has its
 *   outcome in the stream.
 * - `out`, a stream of outcomes.
 * - `in`, a hash: the bytes that the arguments of jobs name, where they do. They are there before their job is, and go
 *   with its outcome.
 *
 * Invariants:
 * 1. An outcome enters the stream only in the step that sets its bit: one outcome a job, however often the job ran.
 * 2. A job is acknowledged to BullMQ only after its outcome is in the stream, or in the same script ("publish, then
 *    acknowledge"): a crash between the two runs the job again and its second outcome is dropped.
 * 3. A wanted job has a bit, or a BullMQ job, or is enqueued again by the next reconcile. A job whose bytes are gone
 *   counts as missing: the machine that fetches it drops it.
 */

import type { Cluster, Redis } from "ioredis";

import { clearDone, isDone } from "./keys/done-bits.ts";
import { MAP_TTL_MS, PRODUCER_SILENCE_MS, UNTOLD_SILENCE_MS } from "./keys/durations.ts";
import { keepFailures } from "./keep-failures.ts";
import { OPEN } from "./open-map.ts";
import type { MapOpening } from "./open-map.ts";
import type { QueueKeys } from "./keys/keys.ts";
import { READ_CLOCK } from "./keys/redis-clock.ts";
import { publishOutcomes } from "./outcomes/publish-outcomes.ts";
import type { Outcome } from "./outcomes/publish-outcomes.ts";
import { reconcileJobs } from "./reconcile-jobs.ts";
import type { Reconciled } from "./reconcile-jobs.ts";
import { readLarge } from "../redis/read-large.ts";
import { runScript } from "../redis/run-script.ts";
import type { Script } from "../redis/run-script.ts";
import { sendBytes } from "../redis/send-bytes.ts";
import type { Payload } from "../wire.ts";

/**
 * KEYS: done, out, in. ARGV: ttlMs. Makes the hash for the map's bytes, or renews its TTL. The field without a name keeps
 * the hash from being empty.
 */
const KEEP_BYTES: Script = {
  lua: `
redis.call('HSET', KEYS[3], '', '')
return redis.call('PEXPIRE', KEYS[3], ARGV[1])`,
};

/** KEYS: done, out. ARGV: name of the field that holds the item's index, that index, payload. Gives 0 if the map is not wanted. */
const SAY: Script = {
  lua: `
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('XADD', KEYS[2], '*', ARGV[1], ARGV[2], 'v', ARGV[3])
redis.call('PEXPIRE', KEYS[2], redis.call('PTTL', KEYS[1]))
return 1`,
};

/**
 * KEYS: done, map-info, meta. ARGV: map id, how long a producer may be silent in ms, ttlMs of a plain map, how long a
 * producer may be silent that has never reported the map. A producer that was only cut off finds that jobs were dropped
 * meanwhile, and enqueues them again.
 */
const WANTED: Script = {
  lua: `${READ_CLOCK}
local left = redis.call('PTTL', KEYS[1])
if left == -2 then return 0 end
local told = redis.call('HGET', KEYS[2], ARGV[1])
if not told and left >= 0 and left < ARGV[3] - ARGV[4] and redis.call('EXISTS', KEYS[3]) == 0 then return 0 end
local at, text = string.match(told or '', '^(%d+) (.*)$')
if not at or now - at <= tonumber(ARGV[2]) then return 1 end
local ok, report = pcall(cjson.decode, text)
if ok and type(report) == 'table' and report.state == 'running' and not report.durable then return 0 end
return 1`,
};

/** The scripts of one queue, on one connection. */
export class GatherScripts {
  readonly #redis: Redis | Cluster;
  readonly #keys: QueueKeys;

  constructor(redis: Redis | Cluster, keys: QueueKeys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  /** Declares that a map's outcomes are wanted, or renews that declaration. True if the map was not open before. */
  async open(mapId: string, ttlMs: number): Promise<boolean> {
    return (await this.#run(OPEN, this.#mapKeys(mapId), [ttlMs])) === 1;
  }

  /** How the script that adds a map's first jobs declares that its outcomes are wanted. */
  opening(mapId: string, ttlMs: number): MapOpening {
    return { keys: this.#mapKeys(mapId), ttlMs };
  }

  /** Publishes outcomes, each at most once. False if nobody wants the map's outcomes. */
  async publish(mapId: string, outcomes: readonly Outcome[], ttlMs: number): Promise<boolean> {
    return await publishOutcomes(this.#redis, this.#keys, mapId, outcomes, ttlMs);
  }

  /** Stores the bytes of jobs' arguments. Must be done before the jobs are enqueued. */
  async putBytes(
    mapId: string,
    jobs: readonly { readonly at: number; readonly bytes: Buffer }[],
    ttlMs: number,
  ): Promise<void> {
    const key = this.#keys.in(mapId);
    await Promise.all([
      this.#run(KEEP_BYTES, this.#mapKeys(mapId), [ttlMs]),
      // Sent as plain commands: a script would copy the bytes twice more.
      ...jobs.map(({ at, bytes }) => sendBytes(this.#redis, "hset", [key, at, bytes])),
    ]);
  }

  /** Gives the bytes of a job's arguments; `null` if they are not there. */
  async bytes(mapId: string, at: number): Promise<Buffer | null> {
    return await readLarge(this.#redis, "hget", this.#keys.in(mapId), String(at));
  }

  /** Gives a shared value; `null` if it is not there. */
  async share(shareId: string): Promise<Buffer | null> {
    return await readLarge(this.#redis, "get", this.#keys.share(shareId));
  }

  /** Removes the bytes of the arguments of a job that is not run. */
  async dropBytes(mapId: string, at: number): Promise<void> {
    await this.#redis.hdel(this.#keys.in(mapId), String(at));
  }

  /** Passes on the progress that a running task reported. */
  async progress(mapId: string, index: number, payload: Payload): Promise<void> {
    await this.#run(SAY, this.#mapKeys(mapId), ["p", index, payload]);
  }

  /** Passes on what an item printed and logged: a `LogBatch` as JSON. */
  async log(mapId: string, index: number, batch: string): Promise<void> {
    await this.#run(SAY, this.#mapKeys(mapId), ["l", index, batch]);
  }

  /** Passes on how many items a job keeps after it was cut. */
  async cut(mapId: string, at: number, items: string): Promise<void> {
    await this.#run(SAY, this.#mapKeys(mapId), ["cut", at, items]);
  }

  /** Finds out which of these jobs (by first index) are lost. */
  async reconcile(mapId: string, indices: readonly number[]): Promise<Reconciled> {
    return await reconcileJobs(this.#redis, this.#keys, mapId, indices);
  }

  /** Clears the bits of these jobs, whose entries in the stream were lost. */
  async forget(mapId: string, indices: readonly number[]): Promise<void> {
    await clearDone(this.#redis, this.#keys.done(mapId), indices);
  }

  /** Declares that nobody wants the outcomes of these maps any more. */
  async drop(...mapIds: readonly string[]): Promise<void> {
    await this.#redis.unlink(...mapIds.flatMap((mapId) => this.#mapKeys(mapId)));
  }

  /** Removes pages of a map's bitmap: all outcomes of them have come in, or nobody wants them any more. */
  async dropPages(mapId: string, pages: readonly number[]): Promise<void> {
    if (pages.length > 0) await this.#redis.unlink(...pages.map((page) => this.#keys.donePage(mapId, page)));
  }

  /** Whether the job whose first item this is has its outcome. */
  async isDone(mapId: string, index: number): Promise<boolean> {
    return await isDone(this.#redis, this.#keys.done(mapId), index);
  }

  /** As `drop`, but keeps the map's failed jobs for somebody who wants to run them again by hand. */
  async dropButFailed(mapId: string): Promise<void> {
    await keepFailures(this.#redis, this.#keys, mapId);
  }

  /** True while a live producer wants the map's outcomes, or the map is durable: another process may still take it up. */
  async wanted(mapId: string): Promise<boolean> {
    const keys = [this.#keys.done(mapId), this.#keys.mapInfo, this.#keys.meta(mapId)];
    const silences = [PRODUCER_SILENCE_MS, MAP_TTL_MS, UNTOLD_SILENCE_MS];
    return (await this.#run(WANTED, keys, [mapId, ...silences])) === 1;
  }

  #mapKeys(mapId: string): [string, string, string] {
    return [this.#keys.done(mapId), this.#keys.out(mapId), this.#keys.in(mapId)];
  }

  async #run(
    script: Script,
    keys: readonly string[],
    args: readonly (string | number | Buffer)[],
  ): Promise<unknown> {
    return await runScript(this.#redis, script, keys, args);
  }
}
