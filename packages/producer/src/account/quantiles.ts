/**
 * How times are spread: percentiles of any number of values in little memory, each within 2.5 % of the true one. Values
 * are counted in buckets whose limits grow by a constant factor (DDSketch: Masson, Rim and Lee, 2019).
 */

/** Percentiles of a time, in ms. */
export interface TimeSpread {
  /** Mean, in ms. */
  readonly meanMs: number;
  /** Half of the items took less than this, in ms. */
  readonly p50Ms: number;
  /** Nine of ten items took less than this, in ms. */
  readonly p90Ms: number;
  /** All but one item in a hundred took less than this, in ms. */
  readonly p99Ms: number;
  /** The longest, in ms. */
  readonly maxMs: number;
}

const GROWTH = 1.05;
const LOG_GROWTH = Math.log(GROWTH);

/** A microsecond: what is shorter is not told apart. */
const MIN_MS = 0.001;

export class Spread {
  readonly #buckets = new Map<number, number>();
  #count = 0;
  #sumMs = 0;
  #maxMs = 0;

  /** Counts `n` items that took `ms` each. */
  add(ms: number, n: number): void {
    // As a small integer, which a map finds sooner.
    const bucket = Math.ceil(Math.log(ms > MIN_MS ? ms : MIN_MS) / LOG_GROWTH) | 0;
    this.#buckets.set(bucket, (this.#buckets.get(bucket) ?? 0) + n);
    this.#count += n;
    this.#sumMs += ms * n;
    if (ms > this.#maxMs) this.#maxMs = ms;
  }

  /** Gives the percentiles; `undefined` before the first item. */
  read(): TimeSpread | undefined {
    if (this.#count === 0) return undefined;
    const sorted = [...this.#buckets].toSorted(([a], [b]) => a - b);
    const percentile = (part: number): number => {
      let left = part * this.#count;
      for (const [bucket, n] of sorted) {
        left -= n;
        // The middle of the bucket.
        if (left <= 0) return Math.min(this.#maxMs, (GROWTH ** bucket * 2) / (1 + GROWTH));
      }
      return this.#maxMs;
    };
    return {
      meanMs: this.#sumMs / this.#count,
      p50Ms: percentile(0.5),
      p90Ms: percentile(0.9),
      p99Ms: percentile(0.99),
      maxMs: this.#maxMs,
    };
  }
}
