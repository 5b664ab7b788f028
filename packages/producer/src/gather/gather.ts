/**
 * The producer's end of the gather: enqueues chunks as BullMQ jobs and brings their outcomes to the maps. What
 * `gather-scripts.ts` promises, this makes true: every chunk under way gets its outcome.
 *
 * What Redis holds of a job, and what leads on from there whoever crashes in between:
 *
 *   under way    bit 0, a job       a worker publishes; a lost one's job stalls, and another runs it
 *   decided      bit 1, an entry    read here, once; by the next producer of a durable map if this one has died
 *   lost         bit 0, no job      Redis lost it: `#missing` finds it, and it is enqueued again
 *   undelivered  bit 1, no entry    Redis lost the entry: `#missing` clears the bit, and it is enqueued again
 *
 * Invariants, which `tests/faults/gather-model.test.ts` checks in random orders of steps and crashes:
 * 1. A producer tells of each item once, with a value that a run of this item gave.
 * 2. As long as Redis loses nothing, that is the value that was published first, and there is one entry a job.
 * 3. With a producer and a worker that live, every map comes to its end, whatever happened before.
 */

import { setImmediate as nextTurn, setTimeout as delay } from "node:timers/promises";

import { Queue } from "bullmq";
import type { QueueOptions } from "bullmq";
import type { Cluster, Redis } from "ioredis";

import {
  CancelledError,
  DecodeError,
  IncompleteMapError,
  PoolmqError,
  SigningKeyError,
  UnknownMapError,
} from "@poolmq/shared";
import {
  plainJobs,
  encodeThrown,
  fittingMachines,
  GatherScripts,
  isForeignKey,
  jobIdOf,
  MAP_TTL_MS,
  tellCancelled,
  WIRE_VERSION,
  within,
} from "@poolmq/shared/internal";
import type {
  ControlMessage,
  ItemOutcome,
  JobData,
  OutcomeText,
  Payload,
  QueueKeys,
  Signer,
} from "@poolmq/shared/internal";

import { DURABLE_TTL_MS, DurableMaps } from "./durable-maps.ts";
import type { Chunk } from "../map/chunk.ts";
import type { JobOptions, RunFacts, Transport } from "../map/transport.ts";
import type { MapEnd } from "../map/sink.ts";
import { MapReports } from "./map-reports.ts";
import type { ReportedMap } from "./map-reports.ts";
import type { MapProgress } from "../account/map-progress.ts";
import { Meter } from "../map/meter.ts";
import { OutcomeReader } from "./outcome-reader.ts";
import type { Entry, OutcomeEntry, Reading } from "./outcome-reader.ts";
import { Seals } from "./seals.ts";
import { passes, refusalDelays, untilTaken } from "./retry-refused.ts";

/** A map whose outcomes are gathered: a `MapRun`, or one that another process began. */
export interface GatheredMap {
  readonly id: string;
  readonly task: string;
  readonly job: JobOptions;
  readonly ended: boolean;
  readonly progress: MapProgress;
  /** First indices of the chunks under way. */
  readonly underWay: readonly number[];
  /** The chunks among `indices` that are under way. */
  chunks(indices: readonly number[]): Chunk[];
  /** @param bytes - that the text names */
  take(at: number, text: OutcomeText, facts: RunFacts, bytes?: Buffer): void;
  taskProgress(index: number, value: unknown): void;
  taskLog(index: number, batch: string): void;
  /** An attached map learns how many items there are. */
  sealed(total: number): void;
  fail(error: unknown): void;
}

/**
 * - `plain`: its producer is the only one who wants it.
 * - `durable`: it stays in Redis until it is delivered, and takes up what is there of it.
 * - `attached`: another process enqueued it; here its outcomes are only read.
 */
export type MapMode = "plain" | "durable" | "attached";

/** What the gather keeps of a map. */
interface Gathered extends Reading {
  readonly map: GatheredMap;
  readonly mode: MapMode;
  /** Another producer began it: some of its items have an outcome, or are under way. */
  readonly resumed: boolean;
  /** Number of items, once the input of a durable map has been read to its end. */
  total: number | undefined;
  /** When something of the map last arrived, or was looked for, by the monotonic clock. */
  quietSince: number;
  /** How long to wait before the next reconcile, in ms. */
  patienceMs: number;
  openedAt: number;
  /** When it was begun here, by the monotonic clock. */
  readonly since: number;
  opened: Promise<unknown>;
  /** Length of the outcomes that were taken, bytes included. */
  length: number;
  /** Entries taken since the stream was last trimmed. */
  untrimmed: number;
  /** `length` when the stream was last trimmed. */
  trimmedAt: number;
  /** Outcomes that were in the stream before their chunks were enqueued: of an earlier producer of a durable map. */
  early: Map<number, OutcomeEntry> | undefined;
}

/** The queue that a gather works on. */
export interface GatheredQueue {
  readonly keys: QueueKeys;
  /** Its name, for messages. */
  readonly queue: string;
  readonly signer: Signer | undefined;
  readonly signatureTtlMs: number;
}

export interface GatherHooks {
  /** Something went wrong that passes, or that concerns no one map. */
  warn(facts: Readonly<Record<string, unknown>>, message: string): void;
  /** Something that a person should look at. */
  alarm(message: string): void;
  /** What is left of a map is being removed from Redis, which should be done before this process ends. */
  cleaning(done: Promise<unknown>): void;
  /** The workers end with this process: what they run is then removed by nobody else. */
  readonly ownWorkers: boolean;
}

/** A map that is quiet for this long is looked after. Doubles up to the second, because long tasks are quiet too. */
const FIRST_PATIENCE_MS = 2_000;
const MAX_PATIENCE_MS = 15_000;

/** Streams are trimmed after this many entries, or bytes, were taken from them: often enough to bound Redis, not a cost. */
const TRIM_EVERY = 250;
const TRIM_BYTES = 4 * 1024 * 1024;

const TICK_MS = 500;

/** How long the clean-up in Redis may take at the end: a pool must end, whether Redis answers or not. */
const CLEAN_UP_TIMEOUT_MS = 2_000;

/** How often the keys of a map are kept from expiring while it lives. */
const REOPEN_MS = 60_000;
const DURABLE_BEAT_MS = 3_000;

export class Gather implements Transport {
  readonly scripts: GatherScripts;
  readonly durable: DurableMaps;
  readonly #commands: Redis | Cluster;
  readonly #keys: QueueKeys;
  readonly #gathered: GatheredQueue;
  readonly #seals: Seals;
  readonly #hooks: GatherHooks;
  readonly #queue: Queue;
  readonly #reader: OutcomeReader;
  readonly #meter = new Meter();
  readonly #reports: MapReports;
  readonly #maps = new Map<string, Gathered>();
  readonly #ticker: NodeJS.Timeout;
  /** Clean-ups under way. */
  readonly #dropping = new Set<Promise<unknown>>();
  readonly #firstPatienceMs: number;
  #closed = false;
  /** Redis answered the last step of the end in time. */
  #answers = true;

  /** @param patience - shorter in tests, so that what is lost is soon found */
  constructor(
    commands: Redis | Cluster,
    blocking: Redis | Cluster,
    queue: GatheredQueue,
    hooks: GatherHooks,
    patience: { readonly firstMs: number; readonly tickMs: number } = {
      firstMs: FIRST_PATIENCE_MS,
      tickMs: TICK_MS,
    },
  ) {
    const { keys } = queue;
    this.#firstPatienceMs = patience.firstMs;
    this.#commands = commands;
    this.#keys = keys;
    this.#gathered = queue;
    this.#hooks = hooks;
    this.#seals = new Seals({ ...queue, alarm: (message) => hooks.alarm(message) });
    this.scripts = new GatherScripts(commands, keys);
    this.durable = new DurableMaps(commands, keys, this.#seals);
    this.#reports = new MapReports(commands, keys);
    this.#reader = new OutcomeReader(commands, blocking, { keys, seals: this.#seals }, (facts, message) =>
      hooks.warn(facts, message),
    );
    const options: QueueOptions = {
      connection: commands,
      prefix: keys.bullPrefix,
      // Nobody reads BullMQ's events: outcomes have a stream of their own.
      streams: { events: { maxLen: 0 } },
    };
    this.#queue = new Queue(keys.bullName, options, plainJobs(commands));
    this.#queue.on("error", (error) => hooks.warn({ err: error }, "queue error"));
    this.#ticker = setInterval(() => this.#tick(), patience.tickMs);
    this.#ticker.unref();
  }

  /**
   * Begins to gather a map's outcomes. Must come before its first `enqueue`.
   * Outcomes that a durable map has already are taken up first: the other order would run again what was done.
   *
   * @param facts - `resumed`: another producer began it; `report`: who watches the queue is told of it
   */
  async open(
    map: GatheredMap,
    mode: MapMode,
    { resumed = false, report }: { readonly resumed?: boolean; readonly report?: ReportedMap } = {},
  ): Promise<void> {
    const now = performance.now();
    const gathered: Gathered = {
      map,
      mapId: map.id,
      mode,
      resumed,
      total: undefined,
      cursor: "0-0",
      quietSince: now,
      patienceMs: this.#firstPatienceMs,
      openedAt: now,
      since: now,
      opened: Promise.resolve(),
      length: 0,
      untrimmed: 0,
      trimmedAt: 0,
      early: undefined,
      onEntries: (entries) => this.#take(gathered, entries),
      onForeign: () => map.fail(foreign(map)),
    };
    this.#maps.set(map.id, gathered);
    if (report !== undefined) this.#reports.add(report, { durable: mode === "durable" });
    this.#reopen(gathered);
    if (mode === "durable") gathered.early = new Map();
    if (mode !== "plain") await this.ask(map, () => this.#reader.replay(gathered));
    // It may have ended meanwhile.
    if (this.#maps.get(map.id) === gathered) this.#reader.add(gathered);
  }

  async enqueue(map: GatheredMap, chunks: readonly Chunk[]): Promise<void> {
    const gathered = this.#maps.get(map.id);
    if (gathered === undefined) return;
    let missing = chunks;
    if (gathered.mode === "durable") {
      await this.ask(map, () => this.durable.add(map.id, map.task, chunks));
      if (gathered.early !== undefined) missing = this.#withoutEarly(gathered, gathered.early, chunks);
      // What is under way already, or has an outcome that will be read in a moment, is not enqueued once more.
      if (gathered.resumed && !map.ended) {
        const candidates = missing;
        missing = await this.ask(map, () => this.#missing(gathered, candidates));
      }
    }
    let refused = false;
    for (const delays = refusalDelays(); missing.length > 0 && !map.ended;) {
      try {
        // A bulk that failed may have added some of its jobs, and some of those may have run.
        if (refused) missing = await this.#missing(gathered, missing);
        for (const chunk of missing) this.#meter.sent(chunk);
        if (missing.some(({ bytes }) => bytes !== undefined)) {
          // Before there are jobs of which nothing could be run.
          await this.#putBytes(gathered, missing);
          if (map.ended) return;
        }
        const added = this.#queue.addBulk(missing.map((chunk) => this.#toJob(gathered, chunk)));
        // Sent before it on the same connection, so it comes first; what became of it is seen to below all the same.
        await Promise.all([gathered.opened, added]);
        return;
      } catch (error) {
        if (map.ended) return;
        if (!passes(error)) throw error;
        refused = true;
        this.#hooks.warn(
          { mapId: map.id, jobs: missing.length, err: error },
          "enqueuing refused, trying again",
        );
      }
      await delays.next();
    }
  }

  async #putBytes({ map, mode }: Gathered, chunks: readonly Chunk[]): Promise<void> {
    const jobs = chunks.flatMap(({ at, bytes }) => (bytes === undefined ? [] : [{ at, bytes }]));
    await this.scripts.putBytes(map.id, jobs, ttlOf(mode));
  }

  /** Asks Redis something for a map, until it answers or the map has ended: what it refuses for now, it takes later. */
  async ask<V>(map: Pick<GatheredMap, "id" | "ended">, question: () => Promise<V>): Promise<V> {
    return await untilTaken(question, {
      isWanted: () => !map.ended && !this.#closed,
      onRefused: (error) => this.#hooks.warn({ mapId: map.id, err: error }, "Redis refused, trying again"),
    });
  }

  async seal(map: GatheredMap, total: number): Promise<void> {
    const gathered = this.#maps.get(map.id);
    if (gathered?.mode !== "durable") return;
    await this.ask(map, () => this.durable.seal(map.id, total));
    gathered.total = total;
  }

  settledHere(map: GatheredMap, index: number, error: unknown): void {
    if (this.#maps.get(map.id)?.mode !== "durable") return;
    // Whoever takes the map up must learn of it too.
    const by = { task: map.task, index, attempt: 1, worker: "producer", pid: process.pid };
    const outcome: ItemOutcome = { s: "threw", thrown: encodeThrown(error), by };
    const text = this.#seals.outcomeHere(map, index, `!${JSON.stringify([outcome])}`);
    const published = this.ask(map, () =>
      this.scripts.publish(map.id, [{ at: index, ms: 0, text }], DURABLE_TTL_MS),
    );
    published.catch((err: unknown) => {
      this.#hooks.warn(
        { mapId: map.id, index, err },
        "outcome of an item that was not enqueued not published",
      );
    });
  }

  drop(map: GatheredMap, end: MapEnd): void {
    const gathered = this.#maps.get(map.id);
    if (gathered === undefined) return;
    const stays = gathered.mode === "durable" && outlives(end);
    if (!stays) this.#reportEnd(gathered, end);
    this.leave(map);
    if (!stays) this.#forget(gathered, end);
  }

  /** Reads no more of the map, which stays as it is. */
  leave(map: GatheredMap): void {
    const gathered = this.#maps.get(map.id);
    if (gathered === undefined) return;
    this.#maps.delete(map.id);
    this.#reports.remove(map.id);
    this.#reader.remove(gathered);
  }

  #reportEnd({ map, mode }: Gathered, end: MapEnd): void {
    const told =
      mode === "attached"
        ? this.#reports.endedHere(map.id, end, map.progress)
        : this.#reports.ended(map.id, end);
    if (told === undefined) return;
    const telling = told.catch(() => {}); // who watches sees its producer fall silent
    this.#hooks.cleaning(within(CLEAN_UP_TIMEOUT_MS, telling));
    this.#dropping.add(telling);
    void telling.finally(() => this.#dropping.delete(telling));
  }

  #forget(gathered: Gathered, end: MapEnd): void {
    const { map } = gathered;
    const dropping = this.#cleanUp(gathered, end, [...map.underWay]).catch((error: unknown): string[] => {
      // The keys' TTL takes them, and workers find the map unwanted.
      this.#hooks.warn({ mapId: map.id, err: error }, "map not cleaned up");
      return [];
    });
    const gone = dropping.then((running) =>
      this.#hooks.ownWorkers ? this.#removeRunning(running) : undefined,
    );
    this.#hooks.cleaning(within(CLEAN_UP_TIMEOUT_MS, gone));
    this.#dropping.add(dropping);
    void dropping.finally(() => this.#dropping.delete(dropping));
  }

  /** Sends a value that many items use. */
  async share(shareId: string, payload: Payload, bytes: Buffer | undefined): Promise<void> {
    const sealed = this.#seals.share(shareId, payload, bytes);
    const set = (): Promise<unknown> =>
      this.#commands.set(this.#keys.share(shareId), sealed, "PX", DURABLE_TTL_MS);
    await untilTaken(set, {
      isWanted: () => !this.#closed,
      onRefused: (error) => this.#hooks.warn({ shareId, err: error }, "Redis refused, trying again"),
    });
  }

  /** Removes shared values. */
  async unshare(shareIds: readonly string[]): Promise<void> {
    if (shareIds.length === 0) return;
    // They have a TTL too, and machines forget those that nobody asks for.
    const unlinked = this.#commands.unlink(...shareIds.map((id) => this.#keys.share(id)));
    const told = this.#tell({ t: "unshare", shares: shareIds });
    await within(CLEAN_UP_TIMEOUT_MS, Promise.all([unlinked, told]));
  }

  /** What was measured of this producer's items. */
  measured(): ReturnType<Meter["read"]> {
    return this.#meter.read();
  }

  /** Numbers of jobs that wait and that run, of all producers on the queue. */
  async counts(): Promise<{ readonly waiting: number; readonly active: number }> {
    const counts = await this.#queue.getJobCounts("wait", "prioritized", "delayed", "active");
    return {
      waiting: (counts["wait"] ?? 0) + (counts["prioritized"] ?? 0) + (counts["delayed"] ?? 0),
      active: counts["active"] ?? 0,
    };
  }

  /** Waits until dropped maps are cleaned up, then stops reading. The connections stay the caller's. */
  async close(disconnectBlocking: () => void): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#ticker);
    // Redis may be gone for good; then the keys' TTL takes them, and workers find the maps unwanted.
    await this.#ifAnswered(Promise.all(this.#dropping));
    const closed = Promise.all([this.#reader.close(disconnectBlocking), this.#queue.close()]);
    await this.#ifAnswered(closed);
  }

  /** Removes everything that the queue keeps in Redis. Only for a queue that is this producer's own. */
  async obliterate(): Promise<void> {
    const removed = this.#queue.obliterate({ force: true }).then(() => this.#reports.obliterate());
    await this.#ifAnswered(removed);
    const { workers, workerInfo, workerDetail, kept } = this.#keys;
    await this.#ifAnswered(this.#commands.unlink(workers, workerInfo, workerDetail, kept));
  }

  /** Waits for a step of the end, but not if Redis did not answer one before it: it is gone, and the pool has to end. */
  async #ifAnswered(step: Promise<unknown>): Promise<void> {
    this.#answers = await within(this.#answers ? CLEAN_UP_TIMEOUT_MS : 0, step);
  }

  #toJob({ map, mode }: Gathered, chunk: Chunk): Parameters<Queue["addBulk"]>[0][number] {
    const { at, n, args, bytes, shares } = chunk;
    const { attempts, backoff, taskTimeoutMs, priority, trace } = map.job;
    const metadata = trace?.(at);
    const data: JobData = {
      v: WIRE_VERSION,
      map: map.id,
      at,
      n,
      args,
      ...(bytes === undefined ? {} : { bytes: bytes.length }),
      // Where a signature covers it, nobody may fill it in.
      ...(mode === "plain" && this.#gathered.signer === undefined ? {} : { ttlMs: ttlOf(mode) }),
      ...(mode === "plain" ? {} : { keepFailed: true }),
      ...(taskTimeoutMs === undefined ? {} : { timeoutMs: taskTimeoutMs }),
      ...(shares.length === 0 ? {} : { shares }),
      ...(map.job.logs?.() === true ? { logs: true } : {}),
    };
    const opts = {
      jobId: jobIdOf(map.id, at),
      ...(attempts === undefined ? {} : { attempts }),
      ...(backoff === undefined
        ? {}
        : { backoff: { type: backoff.type, delay: backoff.delayMs, jitter: backoff.jitter ?? 0 } }),
      ...(priority === undefined ? {} : { priority }),
      ...(metadata === undefined ? {} : { telemetry: { metadata } }),
    };
    return { name: map.task, data: this.#seals.job(map, chunk, data, opts), opts };
  }

  #withoutEarly(gathered: Gathered, early: Map<number, OutcomeEntry>, chunks: readonly Chunk[]): Chunk[] {
    return chunks.filter(({ at }) => {
      const entry = early.get(at);
      if (entry === undefined) return true;
      early.delete(at);
      return !this.#takeOutcome(gathered, entry);
    });
  }

  /** Gives the ids of the jobs that run: those are locked and stay, and their workers were told to stop them. */
  async #cleanUp(
    { map, mode, length, since }: Gathered,
    end: MapEnd,
    underWay: readonly number[],
  ): Promise<string[]> {
    if (mode === "plain") {
      // Whoever waits for the results goes first. The id is nobody else's.
      if (underWay.length === 0) await nextTurn();
      await this.scripts.drop(map.id);
    } else if ("total" in end && map.progress.failed > 0) {
      await this.durable.keepOrDrop(map.id, length, performance.now() - since);
    } else {
      await this.durable.drop(map.id);
    }
    if (underWay.length === 0) return [];
    const message = this.#seals.control({ t: "cancel", map: map.id });
    await tellCancelled(this.#commands, this.#keys, map.id, message);
    return await this.#remove(underWay.map((at) => jobIdOf(map.id, at)));
  }

  /** Tells all worker machines. */
  async #tell(message: ControlMessage): Promise<void> {
    await this.#commands.publish(this.#keys.control, JSON.stringify(this.#seals.control(message)));
  }

  /** Removes jobs; gives the ids of those that could not be. */
  async #remove(ids: readonly string[]): Promise<string[]> {
    const left: string[] = [];
    for (let start = 0; start < ids.length; start += 500) {
      const batch = ids.slice(start, start + 500);
      const removed = await Promise.all(batch.map((id) => this.#queue.remove(id).catch(() => 0)));
      left.push(...batch.filter((_, i) => removed[i] === 0));
    }
    return left;
  }

  /** Waits until jobs that were told to stop are gone. */
  async #removeRunning(ids: readonly string[]): Promise<void> {
    const deadline = performance.now() + CLEAN_UP_TIMEOUT_MS;
    for (
      let left = ids, delayMs = 5;
      left.length > 0 && !this.#closed;
      delayMs = Math.min(delayMs * 2, 100)
    ) {
      if (performance.now() > deadline) return;
      await delay(delayMs);
      left = await this.#remove(left);
    }
  }

  #take(gathered: Gathered, entries: readonly Entry[]): void {
    const { map } = gathered;
    let heard = false;
    for (const entry of entries) {
      if ("text" in entry) gathered.length += entry.text.length + (entry.bytes?.length ?? 0);
      if ("progressOf" in entry) map.taskProgress(entry.progressOf, entry.value);
      else if ("logOf" in entry) map.taskLog(entry.logOf, entry.batch);
      else if ("total" in entry) map.sealed(entry.total);
      else if ("cancelled" in entry) map.fail(new CancelledError({ mapId: map.id, reason: entry.cancelled }));
      else if (!this.#takeOutcome(gathered, entry)) continue;
      heard = true;
    }
    if (heard) {
      // Not if all of it was made up: who writes that must not keep us from looking for what is missing.
      gathered.quietSince = performance.now();
      gathered.patienceMs = this.#firstPatienceMs;
    }
    gathered.untrimmed += entries.length;
    const isMuch = gathered.untrimmed >= TRIM_EVERY || gathered.length - gathered.trimmedAt >= TRIM_BYTES;
    if (!isMuch || gathered.mode !== "plain" || map.ended) return;
    gathered.untrimmed = 0;
    gathered.trimmedAt = gathered.length;
    // Keeps the last entry, which costs nothing and keeps the stream's place.
    this.#commands.xtrim(this.#keys.out(map.id), "MINID", gathered.cursor).catch(() => {});
  }

  /** False if it is not genuine. */
  #takeOutcome(gathered: Gathered, entry: OutcomeEntry): boolean {
    const { map, mode, early } = gathered;
    const { at } = entry;
    const [chunk] = map.chunks([at]);
    // Its chunk is not under way any more: it would not be looked at.
    if (chunk === undefined && early === undefined && mode !== "attached") return true;
    let text: OutcomeText | undefined;
    try {
      text = this.#seals.open(map, at, entry, chunk);
    } catch (error) {
      map.fail(error);
    }
    if (text === undefined) return false;
    if (chunk === undefined && early !== undefined) {
      early.set(at, entry);
      return true;
    }
    if (chunk !== undefined) this.#meter.came(chunk, entry.ms);
    map.take(at, text, entry, entry.bytes);
    return true;
  }

  // ── looking after quiet maps ───────────────────────────────────────────────────────────────────────────────────

  #tick(): void {
    this.#reports.tick();
    const now = performance.now();
    for (const gathered of this.#maps.values()) {
      if (now - gathered.quietSince >= gathered.patienceMs) {
        gathered.quietSince = now;
        gathered.patienceMs = Math.min(gathered.patienceMs * 2, MAX_PATIENCE_MS);
        void this.#reconcile(gathered);
      } else if (now - gathered.openedAt >= (gathered.mode === "plain" ? REOPEN_MS : DURABLE_BEAT_MS)) {
        this.#reopen(gathered);
      }
    }
  }

  #reopen(gathered: Gathered): void {
    const { map, mode } = gathered;
    gathered.openedAt = performance.now();
    if (mode === "attached") return; // it is not ours to open
    gathered.opened =
      mode === "durable"
        ? Promise.all([
            this.scripts.open(map.id, DURABLE_TTL_MS),
            this.durable.beat(map.id, map.task, gathered.total),
          ])
        : this.scripts.open(map.id, MAP_TTL_MS);
    gathered.opened.catch(() => {}); // `enqueue` waits for it
  }

  async #reconcile(gathered: Gathered): Promise<void> {
    const { map } = gathered;
    try {
      if (gathered.mode === "attached") return await this.#lookAfterAttached(gathered);
      const missing = await this.#missing(gathered, map.chunks(map.underWay));
      if (missing.length === 0 || map.ended) return;
      this.#hooks.warn(
        { mapId: map.id, jobs: missing.length },
        "jobs vanished from Redis, enqueuing them again",
      );
      // Machines drop what is not signed as they expect: if all do, that would go on for ever.
      const { signer, queue } = this.#gathered;
      fittingMachines(await this.scripts.liveWorkers(), signer, queue);
      await this.enqueue(map, missing);
    } catch (error) {
      if (
        error instanceof UnknownMapError ||
        error instanceof IncompleteMapError ||
        error instanceof SigningKeyError
      ) {
        map.fail(error);
      } else if (isForeignKey(error)) map.fail(foreign(map));
      else this.#hooks.warn({ mapId: map.id, err: error }, "reconcile failed, trying again later");
    }
  }

  /** Without the arguments of its items, an attached map can only be told that it will not be completed. */
  async #lookAfterAttached(gathered: Gathered): Promise<void> {
    const { map } = gathered;
    const found = await this.scripts.reconcile(map.id, map.underWay);
    // What another reader was given may still be there to read.
    await this.#reader.replay(gathered);
    if (map.ended) return;
    const { total } = await this.durable.find(map.id);
    if (total !== undefined) map.sealed(total);
    if (map.ended) return;
    if (!found.existed) throw new UnknownMapError({ mapId: map.id });
    // Decided by the bitmap, and everything in the stream was read: these outcomes are gone.
    const pending = new Set(map.underWay);
    if (found.missing.length > 0 || found.decided.some((index) => pending.has(index))) {
      throw new IncompleteMapError({ mapId: map.id, reason: "some of it vanished from Redis" });
    }
  }

  /** Those of the chunks that have neither a job nor an outcome. */
  async #missing(gathered: Gathered, chunks: readonly Chunk[]): Promise<Chunk[]> {
    const { map } = gathered;
    const found = await this.scripts.reconcile(
      map.id,
      chunks.map(({ at }) => at),
    );
    if (map.ended) return [];
    this.#reopen(gathered);
    let lost = found.missing;
    if (!found.existed) {
      // The stream begins anew; with Redis's clock set back, its ids may be lower than our cursor.
      gathered.cursor = "0-0";
    } else if (found.decided.length > 0 && !isAfter(found.lastEntry, gathered.cursor)) {
      // Decided by the bitmap, and everything in the stream was read: these outcomes are gone.
      const undelivered = map.chunks(found.decided).map(({ at }) => at);
      if (undelivered.length > 0) await this.scripts.forget(map.id, undelivered);
      lost = [...lost, ...undelivered];
    }
    await gathered.opened;
    return map.chunks(lost);
  }
}

/** Ways in which a durable map ends here that are no reason to take it from others. */
const OUTLIVED: ReadonlySet<string> = new Set([
  "EMBEDDED_REDIS",
  "INCOMPLETE_MAP",
  "LOCAL_MACHINE",
  "MAP_ID_IN_USE",
  "REDIS_CONNECTION",
  "SIGNING_KEY",
  "UNKNOWN_MAP",
]);

function outlives(end: MapEnd): boolean {
  if (!("error" in end)) return false;
  const { error } = end;
  return error instanceof PoolmqError && OUTLIVED.has(error.code);
}

function ttlOf(mode: MapMode): number {
  return mode === "plain" ? MAP_TTL_MS : DURABLE_TTL_MS;
}

/** Whether stream id `a` comes after `b`; `""` comes before all. */
function isAfter(a: string, b: string): boolean {
  if (a === "") return false;
  const [aMs = 0, aSeq = 0] = a.split("-").map(Number);
  const [bMs = 0, bSeq = 0] = b.split("-").map(Number);
  return aMs > bMs || (aMs === bMs && aSeq > bSeq);
}

function foreign({ id }: GatheredMap): DecodeError {
  return new DecodeError(
    `The outcomes of map "${id}" can't be read: something else has taken its keys in Redis`,
  );
}
