/**
 * Ends a map, or runs its failed items again, from outside of its producer. A door of its own, for the project's tools
 * and tests: it needs BullMQ, which the other doors do without.
 *
 *   cancel:  out ◀── "cancel" ── here        its producer reads it, and ends the map as its own cancel() does
 *            if it does not:   keys of the map go, jobs are removed, machines are told to stop what runs
 *
 *   retry:   failed ──▶ (outcome out of `out`, bit to 0) ──▶ BullMQ job ──▶ (entry out of `failed`)
 *            Each step may be the last one: the next retry finds the entry again, and enqueuing twice is enqueuing once.
 */

import { setTimeout as delay } from "node:timers/promises";

import { Queue } from "bullmq";
import type { Cluster, Redis } from "ioredis";

import {
  GatherScripts,
  jobIdOf,
  MAP_TTL_MS,
  queueKeys,
  readMapReport,
  rewriteMapReport,
  runScript,
  tellCancelled,
} from "@poolmq/shared/internal";
import type {
  ControlMessage,
  FailedJob,
  QueueKeys,
  Script,
  Signer,
  SigningKeys,
} from "@poolmq/shared/internal";

/**
 * What became of a cancel: the map's producer ended it; it was removed here, since it has no producer; there is none that
 * could be ended; its producer lives, and did not answer; it is signed, and this is not.
 */
export type Cancelled = "by its producer" | "removed" | "not found" | "no answer" | "no key";

/** What became of a retry. */
export type Retried =
  | { readonly items: number }
  | { readonly problem: "not found" | "not durable" }
  /** Its producer, which was heard of so long ago, has taken the failed outcomes and will not take others. */
  | { readonly problem: "running"; readonly silentMs: number };

/** A producer that lives reads its streams all the time. */
const PRODUCER_TIMEOUT_MS = 2_000;
const POLL_MS = 20;

/** A durable map's producer says every 3 s that it is there. */
const PRODUCER_SILENCE_MS = 10_000;

/** How long a durable map waits to be fetched. */
const RETRIED_TTL_MS = 24 * 60 * 60_000;

/** Jobs that are read, or removed, at a time. */
const BATCH = 500;

/** A cancel is obeyed for so long, if it is signed. */
const SIGNATURE_TTL_MS = 10 * 60_000;

/** KEYS: done, out. ARGV: message. Gives 0 if the map is not open. */
const ASK: Script = {
  lua: `
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('XADD', KEYS[2], '*', 'cancel', ARGV[1])
redis.call('PEXPIRE', KEYS[2], redis.call('PTTL', KEYS[1]))
return 1`,
};

/** KEYS: meta, failed. Gives whether the map is there, whether it was delivered, and for how long it was silent. */
const LOOK: Script = {
  lua: `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local beat = redis.call('HGET', KEYS[1], 'beat')
return {redis.call('EXISTS', KEYS[1]), redis.call('HEXISTS', KEYS[1], 'delivered'), now - (beat or 0)}`,
};

/** KEYS: meta, kept. ARGV: map id. It is under way again; gives when. */
const REOPEN: Script = {
  lua: `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
redis.call('HDEL', KEYS[1], 'delivered')
-- Nobody waits for it, however lately somebody did.
redis.call('HSET', KEYS[1], 'retried', now, 'beat', 0)
redis.call('ZREM', KEYS[2], ARGV[1])
return now`,
};

/** KEYS: done, out, failed. ARGV: index, entry of `failed`. Takes the outcome away; gives 0 if the entry is not there. */
const TAKE_BACK: Script = {
  lua: `
if redis.call('HGET', KEYS[3], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('XDEL', KEYS[2], string.match(ARGV[2], '^%S+'))
redis.call('SETBIT', KEYS[1], ARGV[1], 0)
return 1`,
};

/** KEYS: failed. ARGV: index, entry. It may have failed again meanwhile. */
const FORGET: Script = {
  lua: `if redis.call('HGET', KEYS[1], ARGV[1]) == ARGV[2] then redis.call('HDEL', KEYS[1], ARGV[1]) end return 1`,
};

export class MapControl {
  readonly #redis: Redis | Cluster;
  readonly #keys: QueueKeys;
  readonly #queue: Queue;
  readonly #signer: Signer | undefined;

  /**
   * The connection stays the caller's.
   *
   * @param options - `signingKeys`: where the queue's producers and workers have some
   */
  constructor(
    redis: Redis | Cluster,
    options: {
      readonly queue: string;
      readonly prefix?: string | undefined;
      readonly signingKeys?: SigningKeys | undefined;
    },
  ) {
    this.#redis = redis;
    this.#keys = queueKeys(options.queue, options.prefix);
    this.#signer = options.signingKeys?.signer(this.#keys);
    // Looks and changes jobs, and leaves nothing of its own behind.
    this.#queue = new Queue(this.#keys.bullName, {
      connection: redis,
      prefix: this.#keys.bullPrefix,
      skipMetasUpdate: true,
    });
    this.#queue.on("error", () => {}); // the one who asks is told
  }

  /**
   * Ends a map: its producer's handle rejects with a `CancelledError`, what waits is removed, what runs is stopped.
   *
   * @param force - do not ask a producer that lives: it enqueues again what it misses, unless it has hung
   */
  async cancel(
    mapId: string,
    reason: string,
    { force = false }: { readonly force?: boolean } = {},
  ): Promise<Cancelled> {
    const [done, out] = [this.#keys.done(mapId), this.#keys.out(mapId)];
    if ((await this.#redis.exists(done)) === 0) return "not found";
    if (this.#signer === undefined && (await this.#isSigned())) return "no key";
    const message = this.#signed({ t: "cancel", map: mapId, reason });
    await runScript(this.#redis, ASK, [done, out], [JSON.stringify(message)]);
    const deadline = performance.now() + PRODUCER_TIMEOUT_MS;
    while (performance.now() < deadline) {
      if ((await this.#redis.exists(done)) === 0) return "by its producer";
      await delay(POLL_MS);
    }
    if (!force && (await this.#isAttended(mapId))) return "no answer";
    await this.#remove(mapId);
    await rewriteMapReport(this.#redis, this.#keys, mapId, (before) => {
      return [MAP_TTL_MS, { ...before, state: "cancelled", running: 0, reason }];
    });
    return "removed";
  }

  /**
   * Runs those items of a durable map again that failed. Who attaches to it, or makes the same call, gets their new
   * outcomes with the others.
   */
  async retry(mapId: string): Promise<Retried> {
    const [meta, failed] = [this.#keys.meta(mapId), this.#keys.failed(mapId)];
    const look = (await runScript(this.#redis, LOOK, [meta, failed], [])) as [number, number, number];
    const [exists, delivered, silentMs] = look;
    if (exists === 0) {
      const plain = (await this.#redis.exists(this.#keys.done(mapId))) === 1;
      return { problem: plain ? "not durable" : "not found" };
    }
    if (delivered === 0 && silentMs < PRODUCER_SILENCE_MS) return { problem: "running", silentMs };
    if ((await this.#redis.exists(failed)) === 0) return { items: 0 };
    const since = Number(await runScript(this.#redis, REOPEN, [meta, this.#keys.kept], [mapId]));
    let items = 0;
    for (let cursor = "0"; ;) {
      const [next, fields] = await this.#redis.hscan(failed, cursor, "COUNT", BATCH);
      items += await this.#enqueue(mapId, entriesBefore(since, fields));
      if (next === "0") break;
      cursor = next;
    }
    await rewriteMapReport(this.#redis, this.#keys, mapId, ({ reason: _, errors: __, ...before }) => [
      RETRIED_TTL_MS,
      {
        ...before,
        state: "running",
        done: Math.max(0, before.done - items),
        failed: Math.max(0, before.failed - items),
        running: items,
        perS: 0,
      },
    ]);
    return { items };
  }

  /** Whether the queue's machines take signed messages only. */
  async #isSigned(): Promise<boolean> {
    const machines = await new GatherScripts(this.#redis, this.#keys).liveWorkers();
    return machines.some(({ keys }) => keys !== undefined);
  }

  #signed(message: ControlMessage): ControlMessage {
    if (this.#signer === undefined) return message;
    return this.#signer.signObject("control", { ...message, expiresAt: Date.now() + SIGNATURE_TTL_MS });
  }

  /** Whether the map's producer was heard of a moment ago. */
  async #isAttended(mapId: string): Promise<boolean> {
    const [text, [seconds]] = await Promise.all([
      this.#redis.hget(this.#keys.mapInfo, mapId),
      this.#redis.time(),
    ]);
    const told = text === null ? undefined : readMapReport(text);
    if (told === undefined || told.report.state !== "running") return false;
    return Number(seconds) * 1_000 - told.toldAtMs < PRODUCER_SILENCE_MS;
  }

  /** Lets go of the connection. */
  async close(): Promise<void> {
    await this.#queue.close();
  }

  async #enqueue(mapId: string, entries: readonly FailedEntry[]): Promise<number> {
    const failed = this.#keys.failed(mapId);
    const keys = [this.#keys.done(mapId), this.#keys.out(mapId), failed];
    const taken = await Promise.all(
      entries.map(({ at, text }) => runScript(this.#redis, TAKE_BACK, keys, [at, text])),
    );
    // Of the others somebody else takes care.
    const ours = entries.filter((_, place) => taken[place] === 1);
    const jobs = ours.map(({ at, job: { task, data, opts } }) => ({
      name: task,
      data,
      opts: { ...opts, jobId: jobIdOf(mapId, at) },
    }));
    if (jobs.length > 0) await this.#queue.addBulk(jobs);
    await Promise.all(ours.map(({ at, text }) => runScript(this.#redis, FORGET, [failed], [at, text])));
    return ours.reduce((sum, { job: { data } }) => sum + data.n - (data.kept?.length ?? 0), 0);
  }

  /** Removes a map whose producer does not answer. */
  async #remove(mapId: string): Promise<void> {
    const keys = this.#keys;
    const [done, bytes, meta] = [keys.done(mapId), keys.in(mapId), keys.meta(mapId)];
    await this.#redis.unlink(done, bytes, meta, keys.args(mapId), keys.failed(mapId));
    await this.#redis.zrem(keys.kept, mapId);
    // The stream stays for a while: it tells a producer that comes back why its map has ended.
    await this.#redis.pexpire(keys.out(mapId), MAP_TTL_MS);
    await tellCancelled(this.#redis, keys, mapId, this.#signed({ t: "cancel", map: mapId }));
    const ids = await this.#waiting(mapId);
    for (let start = 0; start < ids.length; start += BATCH) {
      // One that a worker has taken meanwhile is not removed: that worker drops it.
      await Promise.all(ids.slice(start, start + BATCH).map((id) => this.#queue.remove(id).catch(() => 0)));
    }
  }

  /** Ids of the map's jobs that no worker has. */
  async #waiting(mapId: string): Promise<string[]> {
    const found: string[] = [];
    for (let start = 0; ; start += PAGE) {
      const ids = await this.#queue.getRanges(
        ["wait", "prioritized", "delayed"],
        start,
        start + PAGE - 1,
        true,
      );
      if (ids.length === 0) return [...new Set(found)];
      found.push(...ids.filter((id) => id.slice(0, id.lastIndexOf("-")) === mapId));
    }
  }
}

/** Ids that are looked through at a time. */
const PAGE = 10_000;

/** A job of which an item failed. */
interface FailedEntry {
  readonly at: number;
  /** As it is in Redis. */
  readonly text: string;
  readonly job: FailedJob;
}

/**
 * What failed before that moment, by Redis's clock: not what has failed again since.
 *
 * @param fields - index, entry, index, entry, …
 */
function entriesBefore(ms: number, fields: readonly string[]): FailedEntry[] {
  return fields.flatMap((at, place) => {
    if (place % 2 === 1) return [];
    const text = fields[place + 1] ?? "";
    // The id of the outcome in its stream begins with the time.
    if (Number.parseInt(text) >= ms) return [];
    return [{ at: Number(at), text, job: JSON.parse(text.slice(text.indexOf(" ") + 1)) as FailedJob }];
  });
}
