/** What of a map is under way, and how much more may be. */

import { itemsOf, sizeOf } from "../input/chunk.ts";
import { cutChunk } from "../input/cut-chunk.ts";
import type { Chunk } from "../input/chunk.ts";
import { ReaderPace } from "../input/reader-pace.ts";
import type { WorkWindow } from "./work-window.ts";

/** What may be under way at a time. A chunk that is larger than what is left goes if nothing else is under way. */
export interface Window {
  readonly jobs: number;
  /** Encoded arguments. */
  readonly bytes: number;
  /** Items in flight, or waiting to be read if the sink keeps them until then. */
  readonly items: number;
}

export class InFlight {
  readonly #window: Window;
  /** What the map may have in a queue that it shares with others. Absent: the queue itself serves maps in turns. */
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

  /** The map stands in a queue with others, from now on. */
  share(window: WorkWindow): void {
    this.#share = window;
  }

  /** Number of items under way. */
  get items(): number {
    return this.#items;
  }

  /** Everything that is in the window waits to be read, and nobody reads. @param since - when the pool was closed */
  isAbandoned(now: number, since: number): boolean {
    return this.#unread > 0 && this.#chunks.size === 0 && this.#readers.isGone(now, since);
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

  /** The chunk that starts at `at` keeps so many items, if others were asked back. Gives what was taken from it. */
  cut(at: number, items: number): Chunk[] {
    const chunk = this.#chunks.get(at);
    if (chunk?.pieces === undefined) return [];
    const before = itemsOf(chunk);
    const rest = cutChunk(chunk, items);
    this.#items -= before - itemsOf(chunk);
    return rest;
  }

  /** Takes out the chunk that starts at `at`, if it is there. */
  take(at: number): Chunk | undefined {
    const chunk = this.#chunks.get(at);
    if (chunk === undefined) return undefined;
    this.#chunks.delete(at);
    this.#items -= itemsOf(chunk);
    this.#bytes -= sizeOf(chunk);
    return chunk;
  }

  /** A chunk of so many items ran for so long. */
  ran(items: number, ms: number): void {
    this.#share?.ran(items, ms);
  }

  /** So many settled items take up places until they are read. */
  keep(items: number): void {
    this.#unread += items;
  }

  /** The caller has read an item. */
  handOn(): void {
    this.#readers.read(performance.now());
    this.#unread--;
  }

  /** How many more items there is room for. */
  get places(): number {
    const { jobs, bytes, items } = this.#window;
    const free = items - this.#items - this.#unread;
    if (this.#chunks.size === 0) return free;
    if (this.#chunks.size >= jobs || this.#bytes >= bytes) return 0;
    if (this.#share?.hasRoom({ jobs: this.#chunks.size, items: this.#items }) === false) return 0;
    return free;
  }

  /** Whether the window's number of jobs is under way. */
  get isFull(): boolean {
    return this.#chunks.size >= this.#window.jobs;
  }

  /**
   * How many places must be free before more input is read: those of a chunk, or a good part of the window. A slow
   * reader frees one place at a time, and each would become a job of its own.
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
