/**
 * One map while it runs: reads the input, keeps a window of it under way, takes the outcomes, and tells its sink what
 * became of each item. It knows nothing of Redis or threads: a `Transport` moves chunks out and outcomes in.
 *
 *   input ──▶ ChunkReader ──chunks──▶ InFlight ──▶ transport ──▶ workers
 *                  │                                               │
 *   sink ◀──settle─┴──────────◀── decode ◀─────outcomes────────────┘
 *
 * States:
 * - `running`: from `start()` on, reads input while the window has room. Leaves to `ended`.
 * - `ended`: every item has its outcome, or the map failed as a whole, or it was cancelled. Nothing more is told.
 */

import { ErrorGroups } from "@poolmq/shared/internal";
import type { OutcomeText } from "@poolmq/shared/internal";

import { MapAccount } from "../account/map-account.ts";
import type { Measured } from "../account/map-account.ts";
import type { MapInsights } from "../account/map-insights.ts";
import type { MapProgress } from "../account/map-progress.ts";
import { itemsOf } from "../input/chunk.ts";
import type { Chunk } from "../input/chunk.ts";
import { cutChunk } from "../input/cut-chunk.ts";
import { ChunkReader } from "./chunk-reader.ts";
import type { ChunkSize } from "../input/chunk-size.ts";
import { firstOutcomes } from "./outcomes/cut-outcome.ts";
import { FirstOutcome } from "./first-outcome.ts";
import { InFlight } from "./in-flight.ts";
import type { MapRunOptions } from "./map-run-options.ts";
import { InputReader } from "../input/input-reader.ts";
import { atCallSite, readResults } from "./outcomes/read-outcomes.ts";
import type { WorkWindow } from "./work-window.ts";
import { watchTail } from "./watch-tail.ts";
import { Settling } from "./settling.ts";
import { ReaderPace } from "../input/reader-pace.ts";
import type { MapEnd, Sink } from "./outcomes/sink.ts";
import type { CarriedMap, JobOptions, RunFacts, Transport } from "./transport.ts";

export class MapRun implements CarriedMap {
  /** Name of the task. May be corrected before `start()`. */
  task: string;
  chunkSize: ChunkSize | undefined;
  readonly errors: ErrorGroups = new ErrorGroups();
  readonly #options: MapRunOptions;
  readonly #sink: Sink;
  readonly #reader: ChunkReader;
  readonly #inFlight: InFlight;
  readonly #account = new MapAccount();
  readonly #firstOutcome = new FirstOutcome();
  readonly #readers = new ReaderPace();
  readonly #settling: Settling;
  #transport: Transport | undefined;
  /** What was read before there was a transport: chunks, and items that can't be sent. */
  #early: readonly Chunk[] = [];
  readonly #earlyRefused: { readonly index: number; readonly error: unknown }[] = [];
  #state: "running" | "ended" = "running";
  /** The transport knows how many items there are. */
  #sealed = false;
  /** Somebody has looked at the results, or waits for them. */
  #lookedAt = false;
  /** To be called once somebody looks at the results. */
  #deliver: (() => void) | undefined;

  constructor(options: MapRunOptions, sink: Sink) {
    this.task = options.task;
    this.chunkSize = options.chunkSize;
    this.#options = options;
    this.#sink = sink;
    this.#inFlight = new InFlight(options.window);
    this.#reader = new ChunkReader(new InputReader(options.input), this.#inFlight, options);
    this.#settling = new Settling(
      options,
      { account: this.#account, inFlight: this.#inFlight, errors: this.errors, sink },
      () => this.ended,
    );
  }

  get id(): string {
    return this.#options.id;
  }

  /** Name of the pool's method. */
  get call(): string {
    return this.#options.call;
  }

  get job(): JobOptions {
    return this.#options.job;
  }

  get ended(): boolean {
    return this.#state === "ended";
  }

  get underWay(): number[] {
    return this.#inFlight.indices;
  }

  get progress(): MapProgress {
    return this.#account.progress({
      total: this.#reader.end === undefined ? this.#options.length : this.#reader.next,
      running: this.#inFlight.items,
      ended: this.ended,
    });
  }

  get insights(): MapInsights {
    return this.#account.insights(this.chunkSize?.why());
  }

  /** How its items ran, for those who watch the queue. */
  get measured(): Measured {
    return this.#account.measured;
  }

  /** Number of items, if it was known beforehand. */
  get length(): number | undefined {
    return this.#options.length;
  }

  /** How many items have not been cut into chunks; `undefined` while the input's length is not known. */
  get remaining(): number | undefined {
    return this.#options.length === undefined ? undefined : this.#options.length - this.#reader.next;
  }

  /** Its jobs go into a queue with those of other maps. */
  share(window: WorkWindow): void {
    this.#inFlight.share(window);
  }

  /** Reads on if there is room for more by now. */
  offerRoom(): void {
    this.#reader.offerRoom(this.chunkSize);
  }

  chunks(indices: readonly number[]): Chunk[] {
    return this.#inFlight.chunks(indices);
  }

  /** Reads the first chunks before `start()`, and gives them. */
  async peek(): Promise<readonly Chunk[]> {
    const chunks = await this.#readChunks();
    this.#early = chunks;
    // An input that throws at once has nothing to start.
    if (this.#reader.end !== "done") this.#endIfSettled();
    return chunks;
  }

  /** Reads the input to its end, as fast as the window allows. Never rejects. */
  async start(transport: Transport): Promise<void> {
    this.#transport = transport;
    this.#account.begin();
    try {
      for (const { index, error } of this.#earlyRefused.splice(0)) transport.settledHere(this, index, error);
      if (this.#early.length > 0) await transport.enqueue(this, this.#early);
      this.#early = [];
      while (this.#state === "running" && this.#reader.end === undefined) {
        if (!this.#reader.hasRoom(this.chunkSize)) {
          await this.#reader.room();
          continue;
        }
        const chunks = await this.#readChunks();
        if (this.ended) return;
        if (chunks.length > 0) await transport.enqueue(this, chunks);
        const last = chunks.at(-1);
        const isGuess = (this.chunkSize?.ahead ?? Infinity) < Infinity;
        if (last !== undefined && isGuess) await this.#firstOutcome.wait(last.n);
      }
      if (this.#reader.end === "done" && !this.ended) await transport.seal(this, this.#reader.next);
      this.#sealed = true;
      this.#endIfSettled();
      void watchTail(this, transport.tail, this.#options.speculation, this.#account);
    } catch (error) {
      this.fail(error);
    }
  }

  /** Ends the map as a whole: what was settled stays settled, nothing more comes. */
  fail(error: unknown): void {
    this.#end({ error, items: Math.max(this.#reader.next, this.#options.length ?? 0) });
  }

  /** The pool has ended, before the map has: a durable map stays for others. */
  leave(error: unknown): void {
    this.#end({ error, stays: true, items: Math.max(this.#reader.next, this.#options.length ?? 0) });
  }

  /** Somebody looks at the results, or waits for them: from now on, to come to the end is to be delivered. */
  look(): void {
    this.#lookedAt = true;
    this.#deliver?.();
    this.#deliver = undefined;
  }

  /** Takes the outcome of the chunk that starts at `at`. A second outcome is not looked at. */
  take(at: number, text: OutcomeText, facts: RunFacts, bytes?: Buffer): void {
    if (this.#state === "ended") return;
    const chunk = this.#inFlight.take(at);
    if (chunk === undefined) return;
    try {
      if (chunk.pieces === undefined) this.#settleChunk(chunk, text, facts, bytes);
      else this.#settleCut(chunk, text, facts, bytes);
    } catch (error) {
      // Whatever the program did to its globals: a map of which an item can't be settled must not wait for it.
      this.fail(error);
    }
  }

  #settleChunk(chunk: Chunk, text: OutcomeText, { ms, transitMs, by }: RunFacts, bytes?: Buffer): void {
    this.chunkSize?.measured(chunk.n, ms);
    this.#inFlight.ran(chunk.n, ms);
    this.#firstOutcome.came(chunk.n);
    const ageMs = chunk.sentAt === undefined ? undefined : performance.now() - chunk.sentAt;
    this.#account.came({ at: chunk.at, n: chunk.n, ms, ageMs, transitMs, by });
    const results = readResults(chunk, text, bytes, this.job.reduce !== undefined);
    if (results === undefined) this.#settling.each(chunk, text, bytes);
    else this.#settling.all(chunk.at, results);
    this.offerRoom();
    this.#endIfSettled();
  }

  /** Of a chunk of which items were asked back: the outcome says how many of them it ran. */
  #settleCut(chunk: Chunk, text: OutcomeText, facts: RunFacts, bytes?: Buffer): void {
    const first = firstOutcomes(text, itemsOf(chunk), bytes);
    if (first !== undefined && first.items > 0) this.#send(cutChunk(chunk, first.items));
    this.#settleChunk({ ...chunk, n: itemsOf(chunk) }, first?.text ?? text, facts, bytes);
  }

  /** A chunk keeps only its first items: the others are sent once more, as chunks of their own. */
  cut(at: number, items: number): void {
    if (this.#state === "ended" || items < 1) return;
    try {
      this.#send(this.#inFlight.cut(at, items));
    } catch (error) {
      this.fail(error);
    }
  }

  #send(chunks: readonly Chunk[]): void {
    if (chunks.length === 0) return;
    for (const chunk of chunks) this.#inFlight.add(chunk);
    this.#transport?.enqueue(this, chunks).catch((error: unknown) => this.fail(error));
  }

  taskProgress(index: number, value: unknown): void {
    if (this.#state === "running") this.#options.onTaskProgress?.(value, index);
  }

  taskLog(index: number, batch: string): void {
    if (this.#state === "running") this.#options.onTaskLog?.(index, batch);
  }

  /** Does nothing: this map counts its items itself. */
  sealed(): void {}

  /** The reader has taken an item: its place is free. */
  handOn(): void {
    this.#readers.read(performance.now());
    this.#inFlight.handOn();
    this.offerRoom();
  }

  /** Whether it can't go on, because nobody reads what there is of it. @param since - when the pool was closed */
  isAbandoned(now: number, since: number): boolean {
    return this.#state === "running" && this.#inFlight.isUnread && this.#readers.isGone(now, since);
  }

  async #readChunks(): Promise<Chunk[]> {
    return await this.#reader.read(
      this.chunkSize,
      () => !this.ended,
      (index, refusal) => {
        const error = atCallSite(refusal, this.#options.callSite);
        this.#settling.one(index, { ok: false, error });
        if (this.#transport === undefined) this.#earlyRefused.push({ index, error });
        else this.#transport.settledHere(this, index, error);
      },
    );
  }

  #endIfSettled(): void {
    const { end, next, isReading } = this.#reader;
    if (end === undefined || isReading || this.#account.done < next) return;
    if (end === "done" && !this.#sealed) return;
    this.#end(end === "done" ? { total: next } : { ...end, items: next });
  }

  #end(end: MapEnd): void {
    if (this.#state === "ended") return;
    this.#state = "ended";
    this.#account.end();
    this.#firstOutcome.stop();
    this.#reader.close();
    if (this.#options.keepsUntilLookedAt && !this.#lookedAt && "total" in end) {
      this.#deliver = this.#transport?.settle?.(this, end);
    } else this.#transport?.drop(this, end);
    this.#inFlight.clear();
    this.#sink.ended(end);
  }
}
