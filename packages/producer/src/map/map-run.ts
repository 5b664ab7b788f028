/**
 * One map while it runs: reads the input, keeps a window of it under way, takes the outcomes, and gives each item's
 * outcome to its sink. It knows nothing of Redis or threads: a `Transport` moves chunks out and outcomes in.
 *
 *   input ──▶ ChunkReader ──chunks──▶ InFlight ──▶ transport ──▶ workers
 *                  │                                               │
 *   sink ◀──settle─┴──────────◀── decode ◀─────outcomes────────────┘
 *
 * States:
 * - `running`: from `start()` on, reads input while the window has room. Leaves to `ended`.
 * - `ended`: every item has its outcome, or the map failed as a whole, or it was cancelled. Nothing more is reported.
 */

import type { ErrorGroups, OutcomeText } from "@poolmq/shared/internal";

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
import { InFlight } from "./in-flight.ts";
import type { MapRunOptions } from "./map-run-options.ts";
import { InputReader } from "../input/input-reader.ts";
import { Outbox } from "./outbox.ts";
import { atCallSite, readResults } from "./outcomes/read-outcomes.ts";
import type { WorkWindow } from "./work-window.ts";
import { watchTail } from "./watch-tail.ts";
import { patienceFor } from "./read-patience.ts";
import { Settling } from "./settling.ts";
import { silentInput, UNREAD } from "./standstill.ts";
import type { Standstill } from "./standstill.ts";
import type { MapEnd, Sink } from "./outcomes/sink.ts";
import type { CarriedMap, JobOptions, RunFacts, Transport } from "./transport.ts";

export class MapRun implements CarriedMap {
  /** Name of the task. May be changed before `start()`. */
  task: string;
  readonly #options: MapRunOptions;
  readonly #reader: ChunkReader;
  readonly #inFlight: InFlight;
  readonly #account = new MapAccount();
  readonly #settling: Settling;
  readonly #outbox: Outbox;
  /** Chunks that were read before `start()`. */
  #early: readonly Chunk[] = [];
  #state: "running" | "ended" = "running";

  constructor(options: MapRunOptions, sink: Sink) {
    this.task = options.task;
    this.#options = options;
    this.#inFlight = new InFlight(options.window);
    this.#reader = new ChunkReader(new InputReader(options.input), this.#inFlight, options);
    this.#outbox = new Outbox(this, options.keepsUntilLookedAt === true);
    const told = { account: this.#account, inFlight: this.#inFlight, sink };
    this.#settling = new Settling(options, told, () => this.ended);
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

  /** Absent, if the function's definition decides, until the engine knows that. */
  get chunkSize(): ChunkSize | undefined {
    return this.#reader.chunkSize;
  }

  set chunkSize(size: ChunkSize | undefined) {
    this.#reader.chunkSize = size;
  }

  /** Kinds of errors with which its items failed. */
  get errors(): ErrorGroups {
    return this.#settling.errors;
  }

  get ended(): boolean {
    return this.#state === "ended";
  }

  get patienceMs(): number {
    return this.#options.keepsUntilRead ? 0 : patienceFor(this.#inFlight.waitingMs);
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

  /** The measurements of its items, for watchers. */
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

  /** Limits its jobs in a queue that it shares with other maps. */
  share(window: WorkWindow): void {
    this.#inFlight.share(window);
  }

  offerRoom(): void {
    this.#reader.offerRoom();
  }

  chunks(indices: readonly number[]): Chunk[] {
    return this.#inFlight.chunks(indices);
  }

  /** Reads the first chunks before `start()`, and gives them. */
  async peek(): Promise<readonly Chunk[]> {
    const chunks = await this.#readChunks();
    this.#early = chunks;
    // If the input throws at once, there is nothing to start.
    if (this.#reader.end !== "done") this.#endIfSettled();
    return chunks;
  }

  /** Reads the input to its end, as fast as the window allows. Never rejects. */
  async start(transport: Transport): Promise<void> {
    this.#account.begin();
    try {
      this.#outbox.open(transport);
      if (this.#early.length > 0) await this.#outbox.send(this.#early);
      this.#early = [];
      while (this.#state === "running" && this.#reader.end === undefined) {
        if (!this.#reader.hasRoom) {
          await this.#reader.room();
          continue;
        }
        const read = this.#readChunks();
        // Chunks that are available at once are not awaited, so that the first items reach their workers sooner.
        const chunks = Array.isArray(read) ? read : await read;
        if (this.ended) return;
        await this.#outbox.send(chunks);
        await this.#reader.untilMeasured(chunks);
      }
      await this.#outbox.seal(this.#reader.end === "done" && !this.ended ? this.#reader.next : undefined);
      this.#endIfSettled();
      void watchTail(this, this.#outbox.tail, this.#options.speculation, this.#account);
    } catch (error) {
      this.fail(error);
    }
  }

  /** Ends the map as a whole. Items that were settled stay settled; the others are not settled any more. */
  fail(error: unknown): void {
    this.#end({ error, items: Math.max(this.#reader.next, this.#options.length ?? 0) });
  }

  /** Ends the map because the pool has ended; a durable map stays for other processes. */
  leave(error: unknown): void {
    this.#end({ error, stays: true, items: Math.max(this.#reader.next, this.#options.length ?? 0) });
  }

  /** Somebody has looked at the results, or waits for them: the map counts as delivered when it ends. */
  look(): void {
    this.#outbox.look();
  }

  /** Takes the outcome of the chunk that starts at `at`. A second outcome is ignored. */
  take(at: number, text: OutcomeText, facts: RunFacts, bytes?: Buffer): void {
    if (this.#state === "ended") return;
    const chunk = this.#inFlight.take(at);
    if (chunk === undefined) return;
    try {
      if (chunk.pieces === undefined) this.#settleChunk(chunk, text, facts, bytes);
      else this.#settleCut(chunk, text, facts, bytes);
    } catch (error) {
      // The program may have broken globals. A map must not wait for an item that can't be settled.
      this.fail(error);
    }
  }

  #settleChunk(chunk: Chunk, text: OutcomeText, { ms, transitMs, by }: RunFacts, bytes?: Buffer): void {
    this.#reader.measured(chunk.n, ms, text.length + (bytes?.length ?? 0));
    this.#inFlight.ran(chunk.n, ms);
    const ageMs = chunk.sentAt === undefined ? undefined : performance.now() - chunk.sentAt;
    this.#account.came({ at: chunk.at, n: chunk.n, ms, ageMs, transitMs, by });
    const results = readResults(chunk, text, bytes, this.job.reduce !== undefined);
    if (results === undefined) this.#settling.each(chunk, text, bytes);
    else this.#settling.all(chunk.at, results);
    this.offerRoom();
    this.#endIfSettled();
  }

  /** Takes the outcome of a chunk of which items were asked back. The outcome says how many items ran. */
  #settleCut(chunk: Chunk, text: OutcomeText, facts: RunFacts, bytes?: Buffer): void {
    const first = firstOutcomes(text, itemsOf(chunk), bytes);
    if (first !== undefined && first.items > 0) this.#send(cutChunk(chunk, first.items));
    this.#settleChunk({ ...chunk, n: itemsOf(chunk) }, first?.text ?? text, facts, bytes);
  }

  /** Leaves a chunk its first items, and sends the others again, as chunks of their own. */
  cut(at: number, items: number): void {
    if (this.#state === "ended" || items < 1) return;
    try {
      this.#send(this.#inFlight.cut(at, items));
    } catch (error) {
      this.fail(error);
    }
  }

  #send(chunks: readonly Chunk[]): void {
    for (const chunk of chunks) this.#inFlight.add(chunk);
    this.#outbox.send(chunks).catch((error: unknown) => this.fail(error));
  }

  taskProgress(index: number, value: unknown): void {
    if (this.#state === "running") this.#options.onTaskProgress?.(value, index);
  }

  taskLog(index: number, batch: string): void {
    if (this.#state === "running") this.#options.onTaskLog?.(index, batch);
  }

  sealed(): void {} // it counts its items itself

  /** Notes that the reader has taken an item, whose place is free now. */
  handOn(): void {
    this.#inFlight.handOn();
    this.offerRoom();
  }

  /** Notes how many reads of a stream wait for an item. */
  readsWait(count: number): void {
    if (count > 0) this.look();
    this.#inFlight.readsWait(count);
  }

  /** Why it keeps a closed pool waiting, if there is no end in sight. @param since - when the pool was closed */
  standstill(now: number, since: number): Standstill | undefined {
    if (this.ended) return undefined;
    const { keepsUntilRead } = this.#options;
    if (keepsUntilRead && this.#inFlight.isAbandoned(now, since)) return UNREAD;
    return this.#inFlight.items > 0
      ? undefined
      : silentInput(this.#outbox.isLookedAt, (graceMs) => this.#reader.isSilent(now, since, graceMs));
  }

  #readChunks(): Chunk[] | Promise<Chunk[]> {
    return this.#reader.read(
      () => !this.ended,
      (index, refusal) => {
        const error = atCallSite(refusal, this.#options.callSite);
        this.#settling.one(index, { ok: false, error });
        this.#outbox.settledHere(index, error);
      },
    );
  }

  #endIfSettled(): void {
    const { end, next, isReading } = this.#reader;
    if (end === undefined || isReading || this.#account.done < next) return;
    if (end === "done" && !this.#outbox.isSealed) return;
    this.#end(end === "done" ? { total: next } : { ...end, items: next });
  }

  #end(end: MapEnd): void {
    if (this.#state === "ended") return;
    this.#state = "ended";
    this.#account.end();
    this.#reader.close();
    this.#outbox.close(end);
    this.#inFlight.clear();
    this.#settling.end(end);
  }
}
