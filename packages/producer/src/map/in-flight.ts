/** The chunks of a map that are under way, and how many more may be. */

import { itemsOf, sizeOf } from "../input/chunk.ts";
import { cutChunk } from "../input/cut-chunk.ts";
import type { Chunk } from "../input/chunk.ts";
import { ReaderPace } from "../input/reader-pace.ts";
import type { WorkWindow } from "./work-window.ts";

/** The limits of what may be under way at a time. A chunk that is too large is sent when nothing else is under way. */
export interface Window {
  readonly jobs: number;
  /** Bytes of encoded arguments. */
  readonly bytes: number;
  /** Items under way and, if the sink keeps results until they are read, unread items. */
  readonly items: number;
}

export class InFlight {
  readonly #window: Window;
  /** Limits what the map may have in a queue that it shares with others. Absent in memory. */
  #share: WorkWindow | undefined;
  /** By the index of their first item. */
  readonly #chunks = new Map<number, Chunk>();
  #items = 0;
  #bytes = 0;
  /** Settled items that the caller has not read yet. */
  #unread = 0;
  readonly #readers = new ReaderPace();

  constructor(window: Window) {
    this.#window = window;
  }

  /** Sets the window of a map in a shared queue. */
  share(window: WorkWindow): void {
    this.#share = window;
  }

  /** Number of items under way. */
  get items(): number {
    return this.#items;
  }

  /** Whether the reader of the results seems to be gone. @param since - when the pool was closed */
  isAbandoned(now: number, since: number): boolean {
    return this.#readers.isGone(now, since);
  }

  /** First indices of the chunks. */
  get indices(): number[] {
    return [...this.#chunks.keys()];
  }

  /** The chunks among `indices` that are under way. */
  chunks(indices: readonly number[]): Chunk[] {
    return indices.flatMap((index) => this.#chunks.get(index) ?? []);
  }

  add(chunk: Chunk): void {
    this.#chunks.set(chunk.at, chunk);
    this.#items += itemsOf(chunk);
    this.#bytes += sizeOf(chunk);
  }

  /** Cuts the chunk that starts at `at` to `items` items, if items of it were asked back. Gives the others, as chunks. */
  cut(at: number, items: number): Chunk[] {
    const chunk = this.#chunks.get(at);
    if (chunk?.pieces === undefined) return [];
    const before = itemsOf(chunk);
    const rest = cutChunk(chunk, items);
    this.#items -= before - itemsOf(chunk);
    return rest;
  }

  /** Removes the chunk that starts at `at`, if it is there, and gives it. */
  take(at: number): Chunk | undefined {
    const chunk = this.#chunks.get(at);
    if (chunk === undefined) return undefined;
    this.#chunks.delete(at);
    this.#items -= itemsOf(chunk);
    this.#bytes -= sizeOf(chunk);
    return chunk;
  }

  /** Notes a chunk of `items` items that ran for `ms`. */
  ran(items: number, ms: number): void {
    this.#share?.ran(items, ms);
  }

  /** Counts settled items, which occupy places until they are read. */
  keep(items: number): void {
    this.#unread += items;
  }

  /** Notes that the caller has read an item. */
  handOn(): void {
    this.#readers.read(performance.now());
    this.#unread--;
  }

  /** Notes how many reads wait for an item. */
  readsWait(count: number): void {
    this.#readers.waits(count);
  }

  /** The number of items for which there is still room. */
  get places(): number {
    const { jobs, bytes, items } = this.#window;
    const free = items - this.#items - this.#unread;
    if (this.#chunks.size === 0) return free;
    if (this.#chunks.size >= jobs || this.#bytes >= bytes) return 0;
    if (this.#share?.hasRoom({ jobs: this.#chunks.size, items: this.#items }) === false) return 0;
    return free;
  }

  /** How long it takes until workers have begun all that is under way, in ms; 0 while that is not known. */
  get waitingMs(): number {
    return this.#share?.waitingMs({ jobs: this.#chunks.size, items: this.#items }) ?? 0;
  }

  /** Whether the window's number of jobs is under way. */
  get isFull(): boolean {
    return this.#chunks.size >= this.#window.jobs;
  }

  /**
   * How many places must be free before more input is read: those of a chunk, or a good part of the window. Otherwise a
   * slow reader, which frees one place at a time, would cause a job for each item.
   */
  worthReading(chunkSize: number): number {
    const { items } = this.#window;
    if (items === Infinity) return 1;
    return Math.max(1, Math.min(chunkSize, Math.floor(items / 4)));
  }

  clear(): void {
    this.#chunks.clear();
  }
}
