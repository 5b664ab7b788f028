/**
 * How long entries of a stream were on their way here, though their time is by Redis's clock and ours may be another:
 * of all differences between the two, the smallest is taken for that of an entry that took no time.
 */

/** Only the smallest difference of this much of the past counts, because clocks drift and are set. */
const MEMORY_MS = 30_000;

export class ClockShift {
  #since = 0;
  #smallest = Infinity;
  /** The smallest shift of the time before `#since`. */
  #smallestBefore = Infinity;

  /**
   * Takes account of an entry, and says for how long it was on its way, in ms.
   *
   * @param id - of the stream's entry, which begins with Redis's time in ms
   * @param now - our time, in ms
   */
  transitMs(id: string, now: number): number {
    const difference = now - Number.parseInt(id, 10);
    if (!(Math.abs(now - this.#since) < MEMORY_MS)) {
      this.#since = now;
      this.#smallestBefore = this.#smallest;
      this.#smallest = Infinity;
    }
    if (difference < this.#smallest) this.#smallest = difference;
    return difference - Math.min(this.#smallest, this.#smallestBefore);
  }
}
