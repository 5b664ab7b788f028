/** Measures a producer's items: how many end per second, how long they run and wait. */

import { itemsOf } from "../input/chunk.ts";
import type { Chunk } from "../input/chunk.ts";

/** Throughput is measured over this many seconds. */
const SLOTS = 10;

export class Meter {
  /** Items that ended in each of the last seconds, by second. */
  readonly #ended = new Map<number, number>();
  #items = 0;
  #runMs = 0;
  #waitMs = 0;
  #waited = 0;

  /** Notes that a chunk is sent. */
  sent(chunk: Chunk): void {
    chunk.sentAt = performance.now();
  }

  /** Notes the outcome of a chunk that ran for `ms`. */
  came(chunk: Chunk, ms: number): void {
    const now = performance.now();
    const second = Math.floor(now / 1_000);
    if (!this.#ended.has(second)) this.#forgetBefore(second - SLOTS);
    this.#ended.set(second, (this.#ended.get(second) ?? 0) + itemsOf(chunk));
    this.#items += itemsOf(chunk);
    this.#runMs += ms;
    if (chunk.sentAt === undefined) return;
    this.#waited += 1;
    this.#waitMs += Math.max(0, now - chunk.sentAt - ms);
  }

  read(): {
    readonly throughput: number;
    readonly runMs: number | undefined;
    readonly waitMs: number | undefined;
  } {
    const second = Math.floor(performance.now() / 1_000);
    this.#forgetBefore(second - SLOTS);
    const sum = [...this.#ended.values()].reduce((total, n) => total + n, 0);
    const seconds = Math.max(1, second - Math.min(second, ...this.#ended.keys()) + 1);
    return {
      throughput: sum / Math.min(SLOTS, seconds),
      runMs: this.#items === 0 ? undefined : this.#runMs / this.#items,
      waitMs: this.#waited === 0 ? undefined : this.#waitMs / this.#waited,
    };
  }

  #forgetBefore(second: number): void {
    for (const key of this.#ended.keys()) if (key <= second) this.#ended.delete(key);
  }
}
