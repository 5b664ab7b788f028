/**
 * Measures how long the reader of a stream takes from one item to the next, to tell a reader that is gone from a slow
 * one.
 */

import { isLongPause } from "./pause.ts";

/** A reader that has not taken the first item after this long, in ms, is gone. */
const NEVER_READ_MS = 5_000;

/** A reader that has read is gone after this long, in ms, unless it made long pauses before. */
const STOPPED_MS = 10_000;

export class ReaderPace {
  #readAt: number | undefined;
  #longestMs = 0;
  #waiting = 0;

  /** Notes that an item was taken. */
  read(now: number): void {
    if (this.#readAt !== undefined) this.#longestMs = Math.max(this.#longestMs, now - this.#readAt);
    this.#readAt = now;
  }

  /** Notes how many reads wait for an item. */
  waits(count: number): void {
    this.#waiting = count;
  }

  /** Whether the reader seems to be gone. @param since - when the pool was closed */
  isGone(now: number, since: number): boolean {
    if (this.#waiting > 0) return false;
    if (this.#readAt === undefined) return now - since >= NEVER_READ_MS;
    return isLongPause({ at: this.#readAt, longestMs: this.#longestMs }, now, since, STOPPED_MS);
  }
}
