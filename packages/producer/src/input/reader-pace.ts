/** How long the reader of a stream takes from one item to the next, so that one that is gone is told from a slow one. */

/** A reader that takes the first item only so late, or has never come, is gone. */
const NEVER_READ_MS = 5_000;

/** One that has read is gone after so long, or so many times the longest pause that it made before. */
const STOPPED_MS = 10_000;
const PAUSES = 5;

export class ReaderPace {
  #readAt: number | undefined;
  #longestMs = 0;

  /** An item was taken. */
  read(now: number): void {
    if (this.#readAt !== undefined) this.#longestMs = Math.max(this.#longestMs, now - this.#readAt);
    this.#readAt = now;
  }

  /** Whether nobody reads any more, as far as can be told. @param since - when the pool was closed */
  isGone(now: number, since: number): boolean {
    if (this.#readAt === undefined) return now - since >= NEVER_READ_MS;
    return now - Math.max(this.#readAt, since) >= Math.max(STOPPED_MS, PAUSES * this.#longestMs);
  }
}
