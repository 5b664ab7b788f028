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
 * 1. An outcome enters the stream only in the step that sets its bit: one entry a job, however often the job ran.
 * 2. A job is acknowledged to BullMQ only after its outcome is in the stream ("publish, then acknowledge"): a crash
 *    between the two runs the job again and its second outcome is dropped.
 * 3. A wanted job has a bit, or a BullMQ job, or is enqueued again by the next reconcile. A job without its bytes is none:
 *    who finds one lets it go.
 */

import type { Cluster, Redis } from "ioredis";

import type { QueueKeys } from "./keys.ts";
import { jobIdOf } from "./keys.ts";
import { runScript } from "../redis/run-script.ts";
import { sendBytes } from "../redis/send-bytes.ts";
import type { Script } from "../redis/run-script.ts";
import { readAdvertisement } from "./read-advertisement.ts";
import type { FailedJob, OutcomeText, Payload, RanText, WorkerAdvertisement } from "../wire.ts";

/**
 * ARGV: ttlMs, then (first index, `RanText`, outcome) for each job. Gives 0 if the map is not wanted.
 *
 * The producer keeps the keys from expiring; only when half of their time is gone is it done here, for a map whose
 * producer has died.
 */
const PUBLISH: Script = publishScript(
  3,
  `redis.call('XADD', KEYS[2], '*', 'i', ARGV[i], 'ran', ARGV[i + 1], 'o', ARGV[i + 2])`,
);

/**
 * The same for jobs that have bytes or may be kept. ARGV: ttlMs, then (first index, `RanText`, outcome, its bytes or "",
 * job or "") for each job. What is kept keeps its arguments' bytes.
 */
const PUBLISH_WHOLE: Script = publishScript(
  5,
  `local id
    if ARGV[i + 3] == '' then
      id = redis.call('XADD', KEYS[2], '*', 'i', ARGV[i], 'ran', ARGV[i + 1], 'o', ARGV[i + 2])
    else
      id = redis.call('XADD', KEYS[2], '*', 'i', ARGV[i], 'ran', ARGV[i + 1], 'o', ARGV[i + 2], 'b', ARGV[i + 3])
    end
    if ARGV[i + 4] == '' then
      redis.call('HDEL', KEYS[3], ARGV[i])
    else
      redis.call('HSET', KEYS[4], ARGV[i], id .. ' ' .. ARGV[i + 4])
      redis.call('PEXPIRE', KEYS[4], ARGV[1])
    end`,
);

/**
 * @param width - arguments for each job
 * @param decide - what the first outcome of a job leads to
 */
function publishScript(width: number, decide: string): Script {
  return {
    lua: `
local left = redis.call('PTTL', KEYS[1])
if left == -2 then return 0 end
for i = 2, #ARGV, ${width} do
  if redis.call('SETBIT', KEYS[1], ARGV[i], 1) == 0 then
    ${decide}
  end
end
if left < ARGV[1] / 2 then
  for i = 1, 3 do redis.call('PEXPIRE', KEYS[i], ARGV[1]) end
end
return 1`,
  };
}

/**
 * ARGV: ttlMs. Gives 1 if the map was new: what an earlier map of this id left for late readers goes. Makes the first two
 * keys, so that neither is ever without a TTL.
 */
const OPEN: Script = {
  lua: `
local new = redis.call('EXISTS', KEYS[1]) == 0
if new then
  redis.call('SETBIT', KEYS[1], 0, 0)
  redis.call('DEL', KEYS[2])
end
if redis.call('EXISTS', KEYS[2]) == 0 then
  redis.call('XGROUP', 'CREATE', KEYS[2], 'none', '0', 'MKSTREAM')
  redis.call('XGROUP', 'DESTROY', KEYS[2], 'none')
end
for i = 1, 3 do redis.call('PEXPIRE', KEYS[i], ARGV[1]) end
return new and 1 or 0`,
};

/** ARGV: ttlMs. Makes the map's place for bytes, or keeps it: the field without a name keeps it from being empty. */
const KEEP_BYTES: Script = {
  lua: `
redis.call('HSET', KEYS[3], '', '')
return redis.call('PEXPIRE', KEYS[3], ARGV[1])`,
};

/** ARGV: name of the field that holds the item's index, that index, payload. Gives 0 if the map is not wanted. */
const SAY: Script = {
  lua: `
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('XADD', KEYS[2], '*', ARGV[1], ARGV[2], 'v', ARGV[3])
redis.call('PEXPIRE', KEYS[2], redis.call('PTTL', KEYS[1]))
return 1`,
};

/**
 * ARGV: prefix of the map's job keys, then indices. Gives: whether the map was still open; the indices with neither
 * outcome nor job; those with an outcome; the id of the stream's last entry, or "" if it is empty.
 */
const RECONCILE: Script = {
  lua: `
local existed = redis.call('EXISTS', KEYS[1])
local missing, decided = {}, {}
for i = 2, #ARGV do
  if redis.call('GETBIT', KEYS[1], ARGV[i]) == 1 then decided[#decided + 1] = ARGV[i]
  elseif redis.call('EXISTS', ARGV[1] .. ARGV[i]) == 0 then missing[#missing + 1] = ARGV[i] end
end
local last = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)
return {existed, missing, decided, last[1] and last[1][1] or ''}`,
};

/**
 * ARGV: id, advertisement, ttlMs, what the machine tells watchers or "". Forgets machines whose last heartbeat is older
 * than the TTL. Gives 1 if somebody watches.
 */
const ADVERTISE: Script = {
  lua: `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
local stale = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[3])
for _, id in ipairs(stale) do
  redis.call('ZREM', KEYS[1], id)
  redis.call('HDEL', KEYS[2], id)
  redis.call('HDEL', KEYS[3], id)
end
redis.call('PEXPIRE', KEYS[1], ARGV[3] * 2)
redis.call('PEXPIRE', KEYS[2], ARGV[3] * 2)
if ARGV[4] == '' then redis.call('HDEL', KEYS[3], ARGV[1])
else
  redis.call('HSET', KEYS[3], ARGV[1], ARGV[4])
  redis.call('PEXPIRE', KEYS[3], ARGV[3])
end
return redis.call('EXISTS', KEYS[4])`,
};

/** ARGV: ttlMs. Gives the advertisements of the live machines. */
const LIVE: Script = {
  lua: `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local live = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], now - ARGV[1], '+inf')) do
  live[#live + 1] = redis.call('HGET', KEYS[2], id)
end
return live`,
};

/** The outcome of one job, to be published. */
export interface Outcome {
  /** Index of the job's first item. */
  readonly at: number;
  /** How long the job ran, in ms. */
  readonly ms: number;
  readonly text: OutcomeText;
  /** The bytes that the text names. */
  readonly bytes?: Buffer | undefined;
  /** The job's arguments had bytes, which are of no use any more. */
  readonly hadBytes?: boolean;
  /** Who ran it: machine, process, and so on, as in a `RanText`. Absent: nobody did. */
  readonly by?: string | undefined;
  /** The job, if it is to be kept because an item of it failed. */
  readonly failed?: FailedJob;
}

/** What `reconcile` found. */
export interface Reconciled {
  /** False if the map's keys were gone: Redis was wiped, or the TTL passed. */
  readonly existed: boolean;
  /** First indices of jobs with neither outcome nor job. */
  readonly missing: number[];
  /** First indices of jobs that have an outcome, by the bitmap. */
  readonly decided: number[];
  /** Id of the stream's last entry; `""` if it holds none. */
  readonly lastEntry: string;
}

/** How long a machine counts as live after a heartbeat, in ms: it beats once a second, and may miss a few. */
export const WORKER_TTL_MS = 5_000;

/**
 * How long a map's keys outlive the last sign of its producer or workers, in ms. If it passes while the producer
 * still lives (a laptop that slept), the next reconcile opens the map again: that costs time, not results.
 */
export const MAP_TTL_MS: number = 10 * 60_000;

/** So many jobs are looked for in one script: it keeps Redis from everything else for about a millisecond. */
const RECONCILE_AT_ONCE = 1_000;

/** The scripts of one queue, on one connection. */
export class GatherScripts {
  readonly #redis: Redis | Cluster;
  readonly #keys: QueueKeys;

  constructor(redis: Redis | Cluster, keys: QueueKeys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  /** Declares that a map's outcomes are wanted, or goes on wanting them. True if it was not open before. */
  async open(mapId: string, ttlMs: number): Promise<boolean> {
    return (await this.#run(OPEN, this.#mapKeys(mapId), [ttlMs])) === 1;
  }

  /** Publishes outcomes, each at most once. False if nobody wants the map's outcomes. */
  async publish(mapId: string, outcomes: readonly Outcome[], ttlMs: number): Promise<boolean> {
    const whole = outcomes.some(
      ({ bytes, hadBytes, failed }) => bytes !== undefined || hadBytes === true || failed !== undefined,
    );
    const args = outcomes.flatMap(({ at, ms, text, bytes = "", by, failed }) => {
      const fields: (number | string | Buffer)[] = [at, ranText(ms, by), text];
      if (whole) fields.push(bytes, failed === undefined ? "" : JSON.stringify(failed));
      return fields;
    });
    const keys = this.#mapKeys(mapId);
    const published = whole
      ? this.#run(PUBLISH_WHOLE, [...keys, this.#keys.failed(mapId)], [ttlMs, ...args])
      : this.#run(PUBLISH, keys, [ttlMs, ...args]);
    return (await published) === 1;
  }

  /** Stores the bytes of jobs' arguments. Must be done before the jobs are there. */
  async putBytes(
    mapId: string,
    jobs: readonly { readonly at: number; readonly bytes: Buffer }[],
    ttlMs: number,
  ): Promise<void> {
    const key = this.#keys.in(mapId);
    await Promise.all([
      this.#run(KEEP_BYTES, this.#mapKeys(mapId), [ttlMs]),
      // Not in the script, which would copy them twice more.
      ...jobs.map(({ at, bytes }) => sendBytes(this.#redis, "hset", [key, at, bytes])),
    ]);
  }

  /** Gives the bytes of a job's arguments; `null` if they are not there. */
  async bytes(mapId: string, at: number): Promise<Buffer | null> {
    return await this.#redis.hgetBuffer(this.#keys.in(mapId), String(at));
  }

  /** Removes the bytes of the arguments of a job that is not run. */
  async dropBytes(mapId: string, at: number): Promise<void> {
    await this.#redis.hdel(this.#keys.in(mapId), String(at));
  }

  /** Passes on what a running task said of its progress. */
  async progress(mapId: string, index: number, payload: Payload): Promise<void> {
    await this.#run(SAY, this.#mapKeys(mapId), ["p", index, payload]);
  }

  /** Passes on what an item printed and logged: a `LogBatch` as JSON. */
  async log(mapId: string, index: number, batch: string): Promise<void> {
    await this.#run(SAY, this.#mapKeys(mapId), ["l", index, batch]);
  }

  /** Finds out which of these jobs (by first index) are lost. */
  async reconcile(mapId: string, indices: readonly number[]): Promise<Reconciled> {
    const found: { -readonly [K in keyof Reconciled]: Reconciled[K] } = await this.#reconcileSome(
      mapId,
      indices.slice(0, RECONCILE_AT_ONCE),
    );
    for (let start = RECONCILE_AT_ONCE; start < indices.length; start += RECONCILE_AT_ONCE) {
      const more = await this.#reconcileSome(mapId, indices.slice(start, start + RECONCILE_AT_ONCE));
      found.existed &&= more.existed;
      found.missing.push(...more.missing);
      found.decided.push(...more.decided);
      // The latest word: what is decided by now is not later than that.
      found.lastEntry = more.lastEntry;
    }
    return found;
  }

  async #reconcileSome(mapId: string, indices: readonly number[]): Promise<Reconciled> {
    const prefix = this.#keys.job(jobIdOf(mapId, 0)).slice(0, -1);
    const reply = (await this.#run(RECONCILE, this.#mapKeys(mapId), [prefix, ...indices])) as [
      number,
      string[],
      string[],
      string,
    ];
    const [existed, missing, decided, lastEntry] = reply;
    return { existed: existed === 1, missing: missing.map(Number), decided: decided.map(Number), lastEntry };
  }

  /** Says again that these jobs have no outcome: their entries were lost, though their bits are set. */
  async forget(mapId: string, indices: readonly number[]): Promise<void> {
    const done = this.#keys.done(mapId);
    await Promise.all(indices.map((index) => this.#redis.setbit(done, index, 0)));
  }

  /** Declares that nobody wants the map's outcomes any more. */
  async drop(mapId: string): Promise<void> {
    await this.#redis.unlink(...this.#mapKeys(mapId));
  }

  /** True while somebody wants the map's outcomes. */
  async wanted(mapId: string): Promise<boolean> {
    return (await this.#redis.exists(this.#keys.done(mapId))) === 1;
  }

  /**
   * A worker machine's heartbeat. True if somebody watches, and wants to know more.
   *
   * @param detail - what only watchers want to know
   */
  async advertise(id: string, advertisement: string, detail = ""): Promise<boolean> {
    const { workers, workerInfo, workerDetail, watch } = this.#keys;
    const args = [id, advertisement, WORKER_TTL_MS, detail];
    return (await this.#run(ADVERTISE, [workers, workerInfo, workerDetail, watch], args)) === 1;
  }

  /** A worker machine signs off. */
  async signOff(id: string): Promise<void> {
    await Promise.all([
      this.#redis.zrem(this.#keys.workers, id),
      this.#redis.hdel(this.#keys.workerInfo, id),
      this.#redis.hdel(this.#keys.workerDetail, id),
    ]);
  }

  /** The advertisements of the machines that are alive by Redis's clock. */
  async liveWorkers(): Promise<WorkerAdvertisement[]> {
    const keys = [this.#keys.workers, this.#keys.workerInfo];
    const texts = (await this.#run(LIVE, keys, [WORKER_TTL_MS])) as unknown[];
    return texts.flatMap((text) => readAdvertisement(text) ?? []);
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

function ranText(ms: number, by: string | undefined): RanText {
  const rounded = String(Math.round(ms * 1_000) / 1_000);
  return by === undefined ? rounded : `${rounded} ${by}`;
}
