import type { Readable } from "node:stream";

import type { Drain } from "./backpressure.ts";

/**
 * Reads streams piece by piece, no faster than their common destination takes it, and with a turn of the event loop
 * between two pieces: locks and outcomes have to get through.
 */
export class Throttle {
  readonly #drain: () => Drain | undefined;
  readonly #paused = new Set<Readable>();
  #waiting = false;

  constructor(drain: () => Drain | undefined) {
    this.#drain = drain;
  }

  /** Call after whatever handles the data listens for it. */
  add(stream: Readable): void {
    stream.on("error", () => {}); // its process ended, which says more
    stream.on("data", () => {
      stream.pause();
      this.#paused.add(stream);
      this.#resumeSoon();
    });
  }

  #resumeSoon(): void {
    if (this.#waiting) return;
    this.#waiting = true;
    const drain = this.#drain();
    if (drain?.writableNeedDrain === true) drain.once("drain", this.#resume);
    else setImmediate(this.#resume);
  }

  readonly #resume = (): void => {
    this.#waiting = false;
    for (const stream of this.#paused) stream.resume();
    this.#paused.clear();
  };
}
