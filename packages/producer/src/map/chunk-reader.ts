/** Reads the input of a map, and cuts as much of it into chunks as there is room for. */

import type { Chunk } from "../input/chunk.ts";
import { sizeOf } from "../input/chunk.ts";
import type { ChunkSize } from "../input/chunk-size.ts";
import { encodeItems } from "../input/encode-items.ts";
import type { ArgumentLimit } from "../input/encode-items.ts";
import { FirstOutcome } from "./first-outcome.ts";
import type { InFlight } from "./in-flight.ts";
import type { InputReader } from "../input/input-reader.ts";
import type { JobOptions } from "./transport.ts";

/** Jobs that go to Redis in one pipeline. More would save little, and would block the event loop. */
const MAX_BATCH_JOBS = 500;
/** Bytes that go to Redis in one pipeline. It is limited because workers wait until the whole batch is encoded. */
const MAX_BATCH_BYTES = 1024 * 1024;

const NOTHING: unknown[] = [];

type OnRefused = (index: number, error: unknown) => void;

/** The chunks that are read at a time. */
interface Batch {
  readonly chunks: Chunk[];
  bytes: number;
  readonly isWanted: () => boolean;
  readonly onRefused: OnRefused;
}

interface ChunkReaderOptions {
  /** `undefined` until it is known, which must be before any chunk but the first is read. */
  readonly chunkSize: ChunkSize | undefined;
  /** Limit of the arguments of a job; `undefined`: no limit. */
  readonly argumentLimit: ArgumentLimit | undefined;
  /**
   * Whether to wait for a slow input to fill each chunk but the last, because another process that reads the input must
   * divide it in the same way.
   */
  readonly wholeChunks: boolean;
  readonly job: Pick<JobOptions, "reduce">;
}

export class ChunkReader {
  /** How many items go into a chunk; 1 while that is not known. */
  chunkSize: ChunkSize | undefined;
  readonly #input: InputReader;
  readonly #inFlight: InFlight;
  readonly #options: ChunkReaderOptions;
  #next = 0;
  #reading = false;
  readonly #firstOutcome = new FirstOutcome();
  /** Set while the map waits for room. */
  #room: PromiseWithResolvers<void> | undefined;

  constructor(input: InputReader, inFlight: InFlight, options: ChunkReaderOptions) {
    this.chunkSize = options.chunkSize;
    this.#input = input;
    this.#inFlight = inFlight;
    this.#options = options;
  }

  /** Index of the first item that is not in a chunk yet. */
  get next(): number {
    return this.#next;
  }

  /** Whether items may have been read that `next` does not count yet. Then the input may have ended, but not the map. */
  get isReading(): boolean {
    return this.#reading;
  }

  /** Set once the input has ended, or has thrown. */
  get end(): InputReader["end"] {
    return this.#input.end;
  }

  /** As `InputReader.isSilent`. */
  isSilent(now: number, since: number, graceMs: number): boolean {
    return this.#input.isSilent(now, since, graceMs);
  }

  /** Whether enough room is free to read on. */
  get hasRoom(): boolean {
    return this.#inFlight.places >= this.#inFlight.worthReading(this.chunkSize?.next() ?? 1);
  }

  /** Waits until `offerRoom()` finds room, or the map has ended. */
  async room(): Promise<void> {
    this.#room = Promise.withResolvers();
    await this.#room.promise;
    this.#room = undefined;
  }

  /** Lets the map read on, if it waits for room and there is enough now. */
  offerRoom(): void {
    if (this.#room !== undefined && this.hasRoom) this.#room.resolve();
  }

  /** Notes a chunk of `items` items that ran for `ms`, and whose outcome has `bytes` bytes. */
  measured(items: number, ms: number, bytes: number): void {
    // Folded results are one value, which smaller chunks would bring more often.
    const isFolded = this.#options.job.reduce !== undefined;
    this.chunkSize?.measured(items, ms, isFolded ? 0 : bytes);
    this.#firstOutcome.came(items);
  }

  /** If the size of the chunks that were just sent is a guess, waits for a first outcome, but not for long. */
  async untilMeasured(sent: readonly Chunk[]): Promise<void> {
    const last = sent.at(-1);
    const isGuess = (this.chunkSize?.ahead ?? Infinity) < Infinity;
    if (last !== undefined && isGuess) await this.#firstOutcome.wait(last.n);
  }

  /**
   * Gives the next chunks, which count as under way from now on; without a promise, if the input need not be waited for.
   *
   * @param isWanted - gives false once the map has ended, so that the items that were read meanwhile are useless
   * @param onRefused - called for each item that can't be sent
   */
  read(isWanted: () => boolean, onRefused: OnRefused): Chunk[] | Promise<Chunk[]> {
    const batch: Batch = { chunks: [], bytes: 0, isWanted, onRefused };
    for (;;) {
      const read = this.#readNext(batch);
      if (!Array.isArray(read)) return this.#readSlowly(read, batch);
      if (!this.#take(read, batch)) return batch.chunks;
    }
  }

  async #readSlowly(first: Promise<unknown[]>, batch: Batch): Promise<Chunk[]> {
    let read: unknown[] | Promise<unknown[]> = first;
    while (this.#take(Array.isArray(read) ? read : await read, batch)) read = this.#readNext(batch);
    return batch.chunks;
  }

  /** The items of the next chunk; none if the batch is full, or there is no room for more. */
  #readNext({ chunks, bytes }: Batch): unknown[] | Promise<unknown[]> {
    const most = Math.min(this.chunkSize?.ahead ?? Infinity, MAX_BATCH_JOBS);
    if (chunks.length >= most || bytes >= MAX_BATCH_BYTES) return NOTHING;
    if (!this.hasRoom || this.#inFlight.isFull) return NOTHING;
    const { wholeChunks: whole } = this.#options;
    const size = this.chunkSize?.next() ?? 1;
    this.#reading = true;
    // If there are chunks already, a slow input is not waited for.
    return this.#input.read(whole ? size : Math.min(size, this.#inFlight.places), {
      wait: chunks.length === 0,
      whole,
    });
  }

  /** Makes chunks from the items. False if no more are to be read. */
  #take(values: unknown[], batch: Batch): boolean {
    // Cleared in the same turn in which `next` is advanced below, so that nobody sees it in between.
    this.#reading = false;
    if (!batch.isWanted() || values.length === 0) return false;
    const { form } = this.#input;
    for (const encoded of encodeItems({ form, values }, this.#next, this.#options.argumentLimit)) {
      this.#next = encoded.at + encoded.n;
      if ("error" in encoded) {
        batch.onRefused(encoded.at, encoded.error);
      } else {
        this.#inFlight.add(encoded);
        batch.bytes += sizeOf(encoded);
        batch.chunks.push(encoded);
      }
    }
    return this.#input.end === undefined && !this.#input.isSlow;
  }

  close(): void {
    this.#firstOutcome.stop();
    this.#input.close();
    this.#room?.resolve();
  }
}
