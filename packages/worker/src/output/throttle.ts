import type { Readable } from "node:stream";
import { clearInterval, setImmediate, setInterval } from "node:timers";

import type { Drain } from "./backpressure.ts";

/**
 * Reads streams piece by piece, no faster than their common destination takes them. Between two pieces comes a turn of
 * the event loop, so that locks and outcomes are not delayed.
 */
/** How often to check whether a destination that emits no event takes more, in ms. */
const LOOK_MS = 250;

export class Throttle {
  readonly #drain: () => Drain | undefined;
  readonly #paused = new Set<Readable>();
  #waiting = false;

  constructor(drain: () => Drain | undefined) {
    this.#drain = drain;
  }

  /** Call after whatever handles the data listens for it. */
  add(stream: Readable): void {
    stream.on("error", () => {}); // its process ended, which is reported elsewhere
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
    if (drain?.writableNeedDrain === true) this.#awaitDrain(drain);
    else setImmediate(this.#resume);
  }

  #awaitDrain(drain: Drain): void {
    const goOn = (): void => {
      clearInterval(looker);
      drain.removeListener("drain", goOn);
      this.#resume();
    };
    drain.once("drain", goOn);
    // A destination that failed accepts everything from then on, and never emits `drain`.
    const looker = setInterval(() => {
      if (!drain.writableNeedDrain) goOn();
    }, LOOK_MS).unref();
  }

  readonly #resume = (): void => {
    this.#waiting = false;
    for (const stream of this.#paused) stream.resume();
    this.#paused.clear();
  };
}
