/**
 * The producer's end of the gather: enqueues chunks as BullMQ jobs, and reads the outcomes of all its maps on one
 * blocking connection. What `gather-scripts.ts` promises, this makes true: every chunk under way gets its outcome.
 */

import { randomBytes } from "node:crypto";

import { Queue } from "bullmq";
import type { Cluster, Redis } from "ioredis";

import {
  destroyConnection,
  GatherScripts,
  jobIdOf,
  MAP_TTL_MS,
  WIRE_VERSION,
  within,
} from "@poolmq/shared/internal";
import type { JobData, QueueKeys } from "@poolmq/shared/internal";

import type { Chunk, MapRun, Transport } from "./map-run.ts";

/** What the gather keeps of a map. */
interface Reading {
  readonly run: MapRun;
  /** Id of the last entry read. */
  cursor: string;
  /** When something of the map last arrived, or was looked for, by the monotonic clock. */
  quietSince: number;
  /** How long to wait before the next reconcile, in ms. */
  patienceMs: number;
  openedAt: number;
  opened: Promise<unknown>;
  trimmed: number;
}

export interface GatherHooks {
  /** Something went wrong that passes, or that concerns no one map. */
  warn(facts: Readonly<Record<string, unknown>>, message: string): void;
}

/** A map that is quiet for this long is looked after. Doubles up to the second, because long tasks are quiet too. */
const FIRST_PATIENCE_MS = 2_000;
const MAX_PATIENCE_MS = 15_000;

/** How long one blocking read lasts. It is woken when there is a new map to read. */
const BLOCK_MS = 5_000;

/** Entries read at once. */
const READ_COUNT = 500;

/** Streams are trimmed after this many entries were taken from them: often enough to bound Redis, not a cost. */
const TRIM_EVERY = 250;

const TICK_MS = 500;

/** How long the clean-up in Redis may take at the end: a pool must end, whether Redis answers or not. */
const CLEAN_UP_TIMEOUT_MS = 2_000;

/** These pass by themselves; anything else that Redis refuses stays refused. */
const PASSING = /^(OOM|LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|BUSY|MISCONF|NOREPLICAS|UNBLOCKED)/;
/** Of ioredis and Node. A pipeline that was cut off in the middle is "aborted": unlike single commands, it is not sent again. */
const CONNECTION =
  /^(Connection is closed|Command timed out|Command aborted due to connection close|Socket timeout|Stream isn't writeable)|ECONN|EPIPE|ENOENT|ETIMEDOUT/;

export class Gather implements Transport {
  readonly #commands: Redis | Cluster;
  readonly #blocking: Redis | Cluster;
  readonly #keys: QueueKeys;
  readonly #hooks: GatherHooks;
  readonly #scripts: GatherScripts;
  readonly #queue: Queue;
  readonly #readings = new Map<string, Reading>();
  readonly #wakeKey: string;
  #wakeCursor = "0-0";
  readonly #ticker: NodeJS.Timeout;
  readonly #dropping = new Set<Promise<void>>();
  #loop: Promise<void> | undefined;
  #closed = false;

  constructor(commands: Redis | Cluster, blocking: Redis | Cluster, keys: QueueKeys, hooks: GatherHooks) {
    this.#commands = commands;
    this.#blocking = blocking;
    this.#keys = keys;
    this.#hooks = hooks;
    this.#scripts = new GatherScripts(commands, keys);
    this.#wakeKey = keys.wake(randomBytes(9).toString("base64url"));
    this.#queue = new Queue(keys.bullName, {
      connection: commands,
      prefix: keys.bullPrefix,
      // Nobody reads BullMQ's events: outcomes have a stream of their own.
      streams: { events: { maxLen: 0 } },
    });
    this.#queue.on("error", (error) => hooks.warn({ err: error }, "queue error"));
    this.#ticker = setInterval(() => this.#tick(), TICK_MS);
    this.#ticker.unref();
  }

  get scripts(): GatherScripts {
    return this.#scripts;
  }

  /** Begins to read a map's outcomes. Must come before its first `enqueue`. */
  open(run: MapRun): void {
    const now = performance.now();
    const opened = this.#scripts.open(run.id, MAP_TTL_MS);
    opened.catch(() => {}); // `enqueue` waits for it
    this.#readings.set(run.id, {
      run,
      cursor: "0-0",
      quietSince: now,
      patienceMs: FIRST_PATIENCE_MS,
      openedAt: now,
      opened,
      trimmed: 0,
    });
    if (this.#loop === undefined) this.#loop = this.#read();
    else this.#wake();
  }

  async enqueue(run: MapRun, chunks: readonly Chunk[]): Promise<void> {
    let missing = chunks;
    for (let delayMs = 20; ; delayMs = Math.min(delayMs * 2, 1_000)) {
      const reading = this.#readings.get(run.id);
      if (reading === undefined || missing.length === 0) return;
      try {
        await reading.opened;
        await this.#queue.addBulk(missing.map((chunk) => this.#toJob(run, chunk)));
        return;
      } catch (error) {
        if (run.ended) return;
        if (!passes(error)) throw error;
        this.#hooks.warn(
          { mapId: run.id, jobs: missing.length, err: error },
          "enqueuing refused, trying again",
        );
      }
      await delay(delayMs);
      // A bulk that failed may have added some of its jobs, and some of those may have run.
      missing = await this.#missing(reading, missing);
    }
  }

  drop(run: MapRun): void {
    const reading = this.#readings.get(run.id);
    if (reading === undefined) return;
    this.#readings.delete(run.id);
    const dropping = this.#drop(run, run.underWay).catch((error: unknown) => {
      // The keys' TTL takes them, and workers find the map unwanted.
      this.#hooks.warn({ mapId: run.id, err: error }, "map not cleaned up");
    });
    this.#dropping.add(dropping);
    void dropping.finally(() => this.#dropping.delete(dropping));
  }

  /** Lets dropped maps be cleaned up, then stops reading, which ends the blocking connection. */
  async close(): Promise<void> {
    if (this.#closed) return;
    // Redis may be gone for good; then the keys' TTL takes them, and workers find the maps unwanted.
    await within(CLEAN_UP_TIMEOUT_MS, Promise.all(this.#dropping));
    this.#closed = true;
    clearInterval(this.#ticker);
    destroyConnection(this.#blocking);
    await this.#loop;
    await within(CLEAN_UP_TIMEOUT_MS, this.#queue.close());
  }

  /** Removes everything that the queue keeps in Redis. Only for a queue that is this producer's own. */
  async obliterate(): Promise<void> {
    await within(CLEAN_UP_TIMEOUT_MS, this.#queue.obliterate({ force: true }));
  }

  #toJob(run: MapRun, chunk: Chunk): Parameters<Queue["addBulk"]>[0][number] {
    const { at, n, args } = chunk;
    const data: JobData = { v: WIRE_VERSION, map: run.id, at, n, args };
    return {
      name: run.task,
      data,
      opts: { jobId: jobIdOf(run.id, at), removeOnComplete: true, removeOnFail: true, stackTraceLimit: 0 },
    };
  }

  async #drop(run: MapRun, underWay: readonly number[]): Promise<void> {
    await this.#scripts.drop(run.id);
    if (underWay.length === 0) return;
    await this.#commands.publish(this.#keys.control, JSON.stringify({ t: "cancel", map: run.id }));
    for (let start = 0; start < underWay.length; start += 500) {
      const ids = underWay.slice(start, start + 500).map((at) => jobIdOf(run.id, at));
      // A job that runs is locked and stays; its worker was told to stop it.
      await Promise.all(ids.map((id) => this.#queue.remove(id).catch(() => 0)));
    }
  }

  // ── reading ────────────────────────────────────────────────────────────────────────────────────────────────────

  #wake(): void {
    const pipeline = this.#commands.pipeline();
    pipeline.xadd(this.#wakeKey, "MAXLEN", 1, "*", "w", "1");
    pipeline.pexpire(this.#wakeKey, 2 * BLOCK_MS);
    pipeline.exec().catch(() => {}); // the read ends by itself, a little later
  }

  /** Reads while there are maps; an idle producer asks Redis nothing. */
  async #read(): Promise<void> {
    while (!this.#closed && this.#readings.size > 0) {
      try {
        await this.#readOnce();
      } catch (error) {
        if (this.#closed) break;
        this.#hooks.warn({ err: error }, "reading outcomes failed, trying again");
        await delay(100);
      }
    }
    this.#loop = undefined;
  }

  async #readOnce(): Promise<void> {
    const readings = [...this.#readings.values()];
    const keys = [this.#wakeKey, ...readings.map(({ run }) => this.#keys.out(run.id))];
    const cursors = [this.#wakeCursor, ...readings.map(({ cursor }) => cursor)];
    const reply = await this.#blocking.xread(
      "COUNT",
      READ_COUNT,
      "BLOCK",
      BLOCK_MS,
      "STREAMS",
      ...keys,
      ...cursors,
    );
    for (const [key, entries] of reply ?? []) {
      const reading = readings[keys.indexOf(key) - 1];
      if (reading === undefined) this.#wakeCursor = entries.at(-1)?.[0] ?? this.#wakeCursor;
      else this.#takeEntries(reading, entries);
    }
  }

  #takeEntries(reading: Reading, entries: readonly [id: string, fields: string[]][]): void {
    const last = entries.at(-1);
    if (last === undefined) return;
    reading.cursor = last[0];
    reading.quietSince = performance.now();
    reading.patienceMs = FIRST_PATIENCE_MS;
    for (const [, fields] of entries) {
      const at = Number(fieldOf(fields, "i"));
      const text = fieldOf(fields, "o");
      if (Number.isSafeInteger(at) && text !== undefined) reading.run.take(at, text);
    }
    reading.trimmed += entries.length;
    if (reading.trimmed >= TRIM_EVERY && !reading.run.ended) {
      reading.trimmed = 0;
      // Keeps the last entry, which costs nothing and keeps the stream's place.
      this.#commands.xtrim(this.#keys.out(reading.run.id), "MINID", last[0]).catch(() => {});
    }
  }

  // ── looking after quiet maps ───────────────────────────────────────────────────────────────────────────────────

  #tick(): void {
    const now = performance.now();
    for (const reading of this.#readings.values()) {
      if (now - reading.quietSince >= reading.patienceMs) {
        reading.quietSince = now;
        reading.patienceMs = Math.min(reading.patienceMs * 2, MAX_PATIENCE_MS);
        void this.#reconcile(reading);
      } else if (now - reading.openedAt >= MAP_TTL_MS / 4) {
        this.#reopen(reading);
      }
    }
  }

  #reopen(reading: Reading): void {
    reading.openedAt = performance.now();
    reading.opened = this.#scripts.open(reading.run.id, MAP_TTL_MS);
    reading.opened.catch(() => {}); // `enqueue` waits for it
  }

  async #reconcile(reading: Reading): Promise<void> {
    try {
      const chunks = reading.run.chunks(reading.run.underWay);
      const missing = await this.#missing(reading, chunks);
      if (missing.length === 0 || reading.run.ended) return;
      this.#hooks.warn(
        { mapId: reading.run.id, jobs: missing.length },
        "jobs vanished from Redis, enqueuing them again",
      );
      await this.enqueue(reading.run, missing);
    } catch (error) {
      this.#hooks.warn({ mapId: reading.run.id, err: error }, "reconcile failed, trying again later");
    }
  }

  /** Those of the chunks that have neither a job nor an outcome. */
  async #missing(reading: Reading, chunks: readonly Chunk[]): Promise<Chunk[]> {
    const { run } = reading;
    const found = await this.#scripts.reconcile(
      run.id,
      chunks.map(({ at }) => at),
    );
    this.#reopen(reading);
    let lost = found.missing;
    if (!found.existed) {
      // The stream begins anew; with Redis's clock set back, its ids may be lower than our cursor.
      reading.cursor = "0-0";
    } else if (found.decided.length > 0 && !isAfter(found.lastEntry, reading.cursor)) {
      // Decided by the bitmap, and everything in the stream was read: these outcomes are gone.
      const undelivered = run.chunks(found.decided).map(({ at }) => at);
      if (undelivered.length > 0) await this.#scripts.forget(run.id, undelivered);
      lost = [...lost, ...undelivered];
    }
    await reading.opened;
    return run.chunks(lost);
  }
}

function fieldOf(fields: readonly string[], name: string): string | undefined {
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i] === name) return fields[i + 1];
  }
  return undefined;
}

/** Whether stream id `a` comes after `b`; `""` comes before all. */
function isAfter(a: string, b: string): boolean {
  if (a === "") return false;
  const [aMs = 0, aSeq = 0] = a.split("-").map(Number);
  const [bMs = 0, bSeq = 0] = b.split("-").map(Number);
  return aMs > bMs || (aMs === bMs && aSeq > bSeq);
}

function passes(error: unknown): boolean {
  const message = error instanceof Error ? error.message : String(error);
  return PASSING.test(message) || CONNECTION.test(message);
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
