/** Reads the input of a map, and cuts as much of it into chunks as there is room for. */

import type { Chunk } from "../input/chunk.ts";
import { sizeOf } from "../input/chunk.ts";
import type { ChunkSize } from "../input/chunk-size.ts";
import { encodeItems } from "../input/encode-items.ts";
import type { ArgumentLimit } from "../input/encode-items.ts";
import { FirstOutcome } from "./first-outcome.ts";
import type { InFlight } from "./in-flight.ts";
import type { InputReader } from "../input/input-reader.ts";

/** Jobs that go to Redis in one pipeline. More would save little, and would block the event loop. */
const MAX_BATCH_JOBS = 500;
/** Bytes of one pipeline: workers wait while a batch is encoded before any of it is sent. */
const MAX_BATCH_BYTES = 1024 * 1024;

const NOTHING: unknown[] = [];

type OnRefused = (index: number, error: unknown) => void;

/** What is read at a time. */
interface Batch {
  readonly chunks: Chunk[];
  bytes: number;
  readonly isWanted: () => boolean;
  readonly onRefused: OnRefused;
}

interface ChunkReaderOptions {
  /** `undefined` until it is known: it must be before chunks are read but the first. */
  readonly chunkSize: ChunkSize | undefined;
  /** Limit of the arguments of a job; `undefined`: no limit. */
  readonly argumentLimit: ArgumentLimit | undefined;
  /** Waits for a slow input to fill each chunk but the last: another process that reads the input must cut it alike. */
  readonly wholeChunks: boolean;
}

export class ChunkReader {
  /** How many items go into a chunk; one each, while that is not known. */
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

  /** Index of the first item that was not read yet. */
  get next(): number {
    return this.#next;
  }

  /** Items may have been read that `next` does not count yet: the input may have ended, and the map has not. */
  get isReading(): boolean {
    return this.#reading;
  }

  /** Set once the input has ended, or has thrown. */
  get end(): InputReader["end"] {
    return this.#input.end;
  }

  /** Whether so much room is free that it is worth reading on. */
  get hasRoom(): boolean {
    return this.#inFlight.places >= this.#inFlight.worthReading(this.chunkSize?.next() ?? 1);
  }

  /** Waits until somebody has offered room, or the map has ended. */
  async room(): Promise<void> {
    this.#room = Promise.withResolvers();
    await this.#room.promise;
    this.#room = undefined;
  }

  /** Lets the map read on, if it waits for room and there is some by now. */
  offerRoom(): void {
    if (this.#room !== undefined && this.hasRoom) this.#room.resolve();
  }

  /** A chunk of so many items ran for so long. */
  measured(items: number, ms: number): void {
    this.chunkSize?.measured(items, ms);
    this.#firstOutcome.came(items);
  }

  /** Waits for a first outcome, but not for long, if the size of these chunks, which were sent just now, is a guess. */
  async untilMeasured(sent: readonly Chunk[]): Promise<void> {
    const last = sent.at(-1);
    const isGuess = (this.chunkSize?.ahead ?? Infinity) < Infinity;
    if (last !== undefined && isGuess) await this.#firstOutcome.wait(last.n);
  }

  /**
   * Gives the next chunks, which are under way from now on: at once, if the input need not be waited for.
   *
   * @param isWanted - false once the map has ended: what was read meanwhile is of no use
   * @param onRefused - told of each item that can't be sent
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
    // Having chunks in hand, a slow input is not waited for.
    return this.#input.read(whole ? size : Math.min(size, this.#inFlight.places), {
      wait: chunks.length === 0,
      whole,
    });
  }

  /** Makes chunks of the items. False if no more are to be read. */
  #take(values: unknown[], batch: Batch): boolean {
    // In the same turn as what follows: `next` counts these items before anybody asks for it.
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
