/**
 * One map while it runs: reads the input, keeps a window of it under way, takes the outcomes, and tells its sink what
 * became of each item. It knows nothing of Redis or threads: a `Transport` moves chunks out and outcomes in.
 *
 *   input ──read──▶ encode ──chunks──▶ transport ──▶ workers
 *                     │                                 │
 *   sink ◀──settle────┴─────◀── decode ◀──outcomes──────┘
 *
 * States:
 * - `running`: from `start()` on, reads input while the window has room. Leaves to `ended`.
 * - `ended`: every item has its outcome, or the map failed as a whole, or it was cancelled. Nothing more is told.
 */

import type { OutcomeText, Payload } from "@poolmq/shared/internal";

import type { ChunkSize } from "./chunk-size.ts";
import { encodeItems } from "./encode-items.ts";
import type { ArgumentLimit } from "./encode-items.ts";
import type { ItemSource } from "./input.ts";
import { InputReader } from "./input-reader.ts";
import { InsightLog } from "../account/insight-log.ts";
import type { MapInsights } from "../account/map-insights.ts";
import { Pace, progressOf } from "../account/map-progress.ts";
import type { MapProgress } from "../account/map-progress.ts";
import { MapTally } from "../account/map-tally.ts";
import { atCallSite, readOutcomes, readResults } from "./read-outcomes.ts";
import type { CallSite, ErrorClass, Settled } from "./read-outcomes.ts";

/** Consecutive items that travel as one job. */
export interface Chunk {
  /** Index of the first item. */
  readonly at: number;
  readonly n: number;
  /** The arguments of its items, encoded. */
  readonly args: Payload;
  /** The bytes that they name. */
  readonly bytes?: Buffer | undefined;
  /** Arguments of every tuple that are shared values: position in the tuple, id of the value. */
  readonly shares: readonly (readonly [position: number, shareId: string])[];
  /** When it went on its way, by the monotonic clock. */
  sentAt?: number;
}

/** What a transport knows of a run whose outcome it brings. */
export interface RunFacts {
  /** How long it ran, in ms. */
  readonly ms: number;
  /** How long its outcome was on its way, in ms, if that is known. */
  readonly transitMs?: number | undefined;
  /** Who ran it: the end of a `RanText` of the wire contract. */
  readonly by?: string | undefined;
}

/** Moves chunks to the workers and outcomes back. */
export interface Transport {
  /** Resolves once the chunks are under way. Rejects if they never will be. */
  enqueue(run: MapRun, chunks: readonly Chunk[]): Promise<void>;
  /** The input was read to its end: there are `total` items. Rejects if that can't be. */
  seal(run: MapRun, total: number): Promise<void>;
  /** An item came to its end without being enqueued. */
  settledHere(run: MapRun, index: number, error: unknown): void;
  /** The map has ended: forget it, and what of it is still under way. */
  drop(run: MapRun, end: MapEnd): void;
}

/** How a map ended: every one of `total` items was settled, or `error` says why there are no more. */
export type MapEnd =
  | { readonly total: number }
  | {
      readonly error: unknown;
      /** Number of items as far as it was known then; `undefined` if the call was refused. */
      readonly items?: number;
    };

/** Is told what becomes of the items, each exactly once, in the order in which they finish. */
export interface Sink {
  /** There will be so many items, or fewer. The first call, if that is known. */
  expect?(items: number): void;
  succeeded(index: number, value: unknown): void;
  /** The same of consecutive items, the first of which has index `at`. Absent: it is to be told of each. */
  succeededAll?(at: number, values: readonly unknown[]): void;
  failed(index: number, error: unknown): void;
  /** The last call. */
  ended(end: MapEnd): void;
}

/** What may be under way at a time. A chunk that is larger than what is left goes if nothing else is under way. */
interface Window {
  readonly jobs: number;
  /** Encoded arguments. */
  readonly bytes: number;
  /** Items in flight, or waiting to be read if the sink keeps them until then. */
  readonly items: number;
}

/** What a transport needs to know of every job of a map. `undefined` is left to the function's definition. */
export interface JobOptions {
  readonly attempts?: number;
  readonly backoff?: {
    readonly type: "fixed" | "exponential";
    readonly delayMs: number;
    readonly jitter?: number;
  };
  readonly taskTimeoutMs?: number;
  readonly priority?: number;
  /** What of the caller's trace the job whose first item is `at` carries. */
  readonly trace?: (at: number) => string | undefined;
  /** Whether a job brings what its items print and log. */
  readonly logs?: () => boolean;
}

export interface MapRunOptions {
  readonly id: string;
  readonly task: string;
  /** Name of the pool's method. */
  readonly call: string;
  readonly input: ItemSource;
  /** Number of items, if it is known beforehand. */
  readonly length: number | undefined;
  /** `undefined` is left to the function's definition: whoever knows it sets `run.chunkSize` before `start()`. */
  readonly chunkSize: ChunkSize | undefined;
  readonly window: Window;
  /** What the arguments of a job may have at most; none without one. */
  readonly argumentLimit: ArgumentLimit | undefined;
  /** Every chunk but the last has the size that it should, however slow the input: someone else may cut it again. */
  readonly wholeChunks: boolean;
  readonly job: JobOptions;
  /** Whether `handOn` says when an item's place in the window is free; else it is as soon as it is settled. */
  readonly keepsUntilRead: boolean;
  /** Errors that a tasks module exports, by name: a remote error of that name is an instance. */
  readonly classes: () => ReadonlyMap<string, ErrorClass> | undefined;
  /** Where the call was made; a remote error shows it after the worker's stack. */
  readonly callSite: CallSite;
  readonly onTaskProgress?: ((value: unknown, index: number) => void) | undefined;
  /** Called with what an item printed and logged: a `LogBatch` as JSON. */
  readonly onTaskLog?: ((index: number, batch: string) => void) | undefined;
}

/** So many jobs go to Redis in one pipeline: beyond this it saves little, and the event loop gets its turn. */
const MAX_BATCH_JOBS = 500;
/** And so many bytes: what is encoded before any of it is sent keeps the workers waiting. */
const MAX_BATCH_BYTES = 1024 * 1024;

/**
 * While the chunk size is a guess, a few jobs go at once, and then none for so long, unless one of them comes back: a
 * tiny function's first ones are back in a few ms, and thousands of jobs of one item are not worth that. A long
 * function's are not waited for.
 */
const GUESS_MS = 25;

export class MapRun {
  readonly id: string;
  readonly call: string;
  /** Name of the task. May be corrected before `start()`. */
  task: string;
  chunkSize: ChunkSize | undefined;
  readonly job: JobOptions;
  readonly tally: MapTally = new MapTally();
  readonly #options: MapRunOptions;
  readonly #input: InputReader;
  readonly #sink: Sink;
  #transport: Transport | undefined;
  /** Tuples may have been read that `#next` does not count yet: the input may have ended, and the map has not. */
  #isReading = false;
  /** Chunks under way, by the index of their first item. */
  readonly #underWay = new Map<number, Chunk>();
  #peeked: Chunk[] = [];
  /** Items that came to their end before there was a transport to tell it to. */
  readonly #unsaid: { readonly index: number; readonly error: unknown }[] = [];
  #next = 0;
  #settled = 0;
  #failures = 0;
  #itemsUnderWay = 0;
  #bytesUnderWay = 0;
  /** Settled items that the sink still keeps. */
  #kept = 0;
  #state: "running" | "ended" = "running";
  /** The transport knows how many items there are. */
  #sealed = false;
  #room: PromiseWithResolvers<void> | undefined;
  /** Somebody waits for the outcome of a chunk of at least so many items. */
  #outcome: { readonly items: number; readonly came: () => void } | undefined;
  readonly #pace = new Pace();
  readonly #log = new InsightLog();

  constructor(options: MapRunOptions, sink: Sink) {
    this.id = options.id;
    this.call = options.call;
    this.task = options.task;
    this.chunkSize = options.chunkSize;
    this.job = options.job;
    this.#options = options;
    this.#input = new InputReader(options.input);
    this.#sink = sink;
  }

  get ended(): boolean {
    return this.#state === "ended";
  }

  /** First indices of the chunks under way. */
  get underWay(): number[] {
    return [...this.#underWay.keys()];
  }

  get progress(): MapProgress {
    const counts = {
      total: this.#input.end === undefined ? this.#options.length : this.#next,
      done: this.#settled,
      failed: this.#failures,
      running: this.#itemsUnderWay,
      ended: this.ended,
    };
    return progressOf(counts, this.#pace);
  }

  get insights(): MapInsights {
    return this.#log.read({ done: this.#settled, failed: this.#failures }, this.chunkSize);
  }

  /** How many items have not been cut into chunks; `undefined` if nobody knows. */
  get remaining(): number | undefined {
    return this.#options.length === undefined ? undefined : this.#options.length - this.#next;
  }

  /** The chunks among `indices` that are still under way. */
  chunks(indices: readonly number[]): Chunk[] {
    return indices.flatMap((index) => this.#underWay.get(index) ?? []);
  }

  /** Number of items, if it was known beforehand. */
  get length(): number | undefined {
    return this.#options.length;
  }

  /** Reads the first chunks before `start()`, and gives them. */
  async peek(): Promise<readonly Chunk[]> {
    this.#peeked = await this.#readChunks();
    // An input that throws at once has nothing to start.
    if (this.#input.end !== "done") this.#endIfSettled();
    return this.#peeked;
  }

  /** Reads the input to its end, as fast as the window allows. Never rejects. */
  async start(transport: Transport): Promise<void> {
    this.#transport = transport;
    this.#pace.begin();
    this.#log.begin();
    try {
      for (const { index, error } of this.#unsaid) transport.settledHere(this, index, error);
      if (this.#peeked.length > 0) await transport.enqueue(this, this.#peeked);
      this.#peeked = [];
      while (this.#state === "running" && this.#input.end === undefined) {
        if (this.#places() < this.#worthReading()) {
          this.#room = Promise.withResolvers();
          await this.#room.promise;
          this.#room = undefined;
          continue;
        }
        const chunks = await this.#readChunks();
        if (this.ended) return;
        if (chunks.length > 0) await transport.enqueue(this, chunks);
        const last = chunks.at(-1);
        if (last !== undefined && this.#isGuess) await this.#outcomeOf(last.n);
      }
      if (this.#input.end === "done" && !this.ended) await transport.seal(this, this.#next);
      this.#sealed = true;
      this.#endIfSettled();
    } catch (error) {
      this.fail(error);
    }
  }

  /** Ends the map as a whole: what was settled stays settled, nothing more comes. */
  fail(error: unknown): void {
    this.#end({ error, items: Math.max(this.#next, this.#options.length ?? 0) });
  }

  /** Takes the outcome of the chunk that starts at `at`. A second outcome is not looked at. */
  take(at: number, text: OutcomeText, { ms, transitMs, by }: RunFacts, bytes?: Buffer): void {
    const chunk = this.#underWay.get(at);
    if (chunk === undefined || this.#state === "ended") return;
    this.#leave(chunk);
    this.chunkSize?.measured(chunk.n, ms);
    if (this.#outcome !== undefined && chunk.n >= this.#outcome.items) this.#outcome.came();
    this.#pace.came(chunk.n);
    const ageMs = chunk.sentAt === undefined ? undefined : performance.now() - chunk.sentAt;
    this.#log.came({ at, n: chunk.n, ms, ageMs, transitMs, by });
    this.tally.ran(chunk.n, ms);
    const results = readResults(chunk, text, bytes);
    if (results === undefined) this.#settleEach(chunk, text, bytes);
    else this.#settleAll(at, results);
    this.#afterSettling();
  }

  /** Passes on what a running task said of its progress. */
  taskProgress(index: number, value: unknown): void {
    if (this.#state === "running") this.#options.onTaskProgress?.(value, index);
  }

  /** Passes on what an item printed and logged. */
  taskLog(index: number, batch: string): void {
    if (this.#state === "running") this.#options.onTaskLog?.(index, batch);
  }

  /** Nothing to learn: it counts its items itself. */
  sealed(): void {}

  /** The reader has taken an item: its place is free. */
  handOn(): void {
    this.#kept--;
    this.#offerRoom();
  }

  /** How many more items there is room for. */
  #places(): number {
    const { jobs, bytes, items } = this.#options.window;
    const free = items - this.#itemsUnderWay - this.#kept;
    if (this.#underWay.size === 0) return free;
    return this.#underWay.size < jobs && this.#bytesUnderWay < bytes ? free : 0;
  }

  /**
   * How many places must be free before more input is read: those of a chunk, or a good part of the window. A slow
   * reader frees one place at a time, and each would become a job of its own.
   */
  #worthReading(): number {
    const { items } = this.#options.window;
    if (items === Infinity) return 1;
    return Math.max(1, Math.min(this.chunkSize?.next() ?? 1, Math.floor(items / 4)));
  }

  get #isGuess(): boolean {
    return (this.chunkSize?.ahead ?? Infinity) < Infinity;
  }

  /** Waits for the outcome of a chunk of so many items, the end, or `GUESS_MS`, whichever comes first. */
  async #outcomeOf(items: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#outcome = { items, came: resolve };
    const timer = setTimeout(resolve, GUESS_MS);
    await promise;
    clearTimeout(timer);
    this.#outcome = undefined;
  }

  #offerRoom(): void {
    if (this.#room !== undefined && this.#places() >= this.#worthReading()) this.#room.resolve();
  }

  async #readChunks(): Promise<Chunk[]> {
    const chunks: Chunk[] = [];
    const { window } = this.#options;
    let bytes = 0;
    const most = Math.min(this.chunkSize?.ahead ?? Infinity, MAX_BATCH_JOBS);
    while (chunks.length < most && bytes < MAX_BATCH_BYTES) {
      if (this.#places() < this.#worthReading()) break;
      if (this.#underWay.size >= window.jobs) break;
      this.#isReading = true;
      // Having chunks in hand, a slow input is not waited for.
      const size = this.chunkSize?.next() ?? 1;
      const { wholeChunks: whole } = this.#options;
      const values = await this.#input.read(whole ? size : Math.min(size, this.#places()), {
        wait: chunks.length === 0,
        whole,
      });
      this.#isReading = false;
      if (this.#state === "ended" || values.length === 0) break;
      const { form } = this.#input;
      for (const encoded of encodeItems({ form, values }, this.#next, this.#options.argumentLimit)) {
        this.#next = encoded.at + encoded.n;
        if ("error" in encoded) {
          const error = atCallSite(encoded.error, this.#options.callSite);
          this.#settle(encoded.at, { ok: false, error });
          if (this.#transport === undefined) this.#unsaid.push({ index: encoded.at, error });
          else this.#transport.settledHere(this, encoded.at, error);
          continue;
        }
        this.#underWay.set(encoded.at, encoded);
        this.#itemsUnderWay += encoded.n;
        this.#bytesUnderWay += sizeOf(encoded);
        bytes += sizeOf(encoded);
        chunks.push(encoded);
      }
      if (this.#input.end !== undefined || this.#input.isSlow) break;
    }
    return chunks;
  }

  #leave(chunk: Chunk): void {
    this.#underWay.delete(chunk.at);
    this.#itemsUnderWay -= chunk.n;
    this.#bytesUnderWay -= sizeOf(chunk);
  }

  #settleAll(at: number, results: readonly unknown[]): void {
    if (this.#sink.succeededAll === undefined) {
      for (const [offset, value] of results.entries()) this.#settle(at + offset, { ok: true, value });
      return;
    }
    this.#settled += results.length;
    if (this.#options.keepsUntilRead) this.#kept += results.length;
    this.#sink.succeededAll(at, results);
  }

  #settleEach(chunk: Chunk, text: OutcomeText, bytes: Buffer | undefined): void {
    const { classes, callSite } = this.#options;
    const context = { classes: classes(), callSite, bytes };
    for (const [offset, settled] of readOutcomes(chunk, text, context).entries()) {
      this.#settle(chunk.at + offset, settled);
    }
  }

  #settle(index: number, settled: Settled): void {
    if (this.#state === "ended") return; // `failFast`, in the middle of a chunk
    this.#settled++;
    if (this.#options.keepsUntilRead) this.#kept++;
    if (settled.ok) {
      this.#sink.succeeded(index, settled.value);
    } else {
      this.#failures++;
      this.tally.failed(index, settled.error);
      this.#sink.failed(index, settled.error);
    }
  }

  #afterSettling(): void {
    this.#offerRoom();
    this.#endIfSettled();
  }

  #endIfSettled(): void {
    const { end } = this.#input;
    if (end === undefined || this.#isReading || this.#settled < this.#next) return;
    if (end === "done" && !this.#sealed) return;
    this.#end(end === "done" ? { total: this.#next } : { ...end, items: this.#next });
  }

  #end(end: MapEnd): void {
    if (this.#state === "ended") return;
    this.#state = "ended";
    this.#pace.end();
    this.#log.end();
    this.#room?.resolve();
    this.#outcome?.came();
    this.#input.close();
    this.#transport?.drop(this, end);
    this.#underWay.clear();
    this.#sink.ended(end);
  }
}

function sizeOf({ args, bytes }: Chunk): number {
  return args.length + (bytes?.length ?? 0);
}
