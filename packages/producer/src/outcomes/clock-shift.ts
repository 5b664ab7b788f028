/**
 * Estimates how long entries of a stream were on their way, although their times are by Redis's clock, which may differ
 * from this machine's. The smallest difference between the two times is taken as that of an entry that took no time.
 */

/** Only differences of this much of the past, in ms, count, because clocks drift and are set. */
const MEMORY_MS = 30_000;

export class ClockShift {
  #since = 0;
  #smallest = Infinity;
  /** The smallest shift of the time before `#since`. */
  #smallestBefore = Infinity;

  /**
   * Notes an entry, and gives how long it was on its way, in ms.
   *
   * @param id - id of the stream's entry, which begins with Redis's time in ms
   * @param now - this machine's time, in ms
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
