/**
 * Counts run times of any number of items in little memory, and small enough to be reported every second. Times are
 * counted in buckets whose limits grow by a constant factor (DDSketch: Masson, Rim and Lee, 2019), so that each percentile
 * is within 2.5 % of the true one, whatever the times are. Sketches add up.
 *
 * No package is used, because the known ones are too heavy for this: `@datadog/sketches-js` brings protobufjs with
 * it, and `hdr-histogram-js` a WebAssembly compiler, into every producer.
 */

/** How long items ran, as workers measured it. An item of a chunk counts with its share of the chunk's time. */
export interface RunTimes {
  /** Number of items measured. */
  readonly items: number;
  /** `null` before the first. */
  readonly meanMs: number | null;
  /** Within 2.5 %, as are all percentiles. */
  readonly medianMs: number | null;
  readonly p95Ms: number | null;
  /** The longest; `null` if it was not reported. */
  readonly maxMs: number | null;
  /**
   * Items by run time: each bucket counts those that took at most `upToMs`, and longer than the bucket before it. Empty
   * buckets are left out.
   */
  readonly histogram: readonly { readonly upToMs: number | null; readonly items: number }[];
}

const GROWTH = 1.05;
const LOG_GROWTH = Math.log(GROWTH);

/** A microsecond. All shorter times fall into one bucket. */
const MIN_MS = 0.001;

/** A sketch in the form in which it is reported: bucket, items, bucket, items, … in the order of the buckets. */
export type TimeBuckets = readonly number[];

/** Counts times. */
export class TimeSketch {
  readonly #buckets = new Map<number, number>();
  #items = 0;
  #sumMs = 0;
  #maxMs = 0;

  /** Counts `n` items that took `ms` each. */
  add(ms: number, n: number): void {
    // `| 0` makes it a small integer, which a `Map` looks up faster.
    const bucket = Math.ceil(Math.log(ms > MIN_MS ? ms : MIN_MS) / LOG_GROWTH) | 0;
    this.#buckets.set(bucket, (this.#buckets.get(bucket) ?? 0) + n);
    this.#items += n;
    this.#sumMs += ms * n;
    if (ms > this.#maxMs) this.#maxMs = ms;
  }

  get items(): number {
    return this.#items;
  }

  get sumMs(): number {
    return this.#sumMs;
  }

  get maxMs(): number {
    return this.#maxMs;
  }

  get buckets(): TimeBuckets {
    return [...this.#buckets].toSorted(([a], [b]) => a - b).flat();
  }

  /** Gives, for each of these parts (0 to 1, ascending), the time that this part of the items took at most. */
  percentiles(...parts: readonly number[]): number[] {
    return percentilesOf(this.buckets, this.#items, this.#maxMs, parts);
  }
}

/** Reads the run times from a reported sketch. */
export function runTimesOf(buckets: TimeBuckets, sumMs: number, maxMs: number | undefined): RunTimes {
  const counts = buckets.filter((_, place) => place % 2 === 1);
  const items = counts.reduce((sum, count) => sum + count, 0);
  const [medianMs = null, p95Ms = null] =
    items === 0 ? [] : percentilesOf(buckets, items, maxMs ?? Infinity, [0.5, 0.95]);
  return {
    items,
    meanMs: items === 0 ? null : sumMs / items,
    medianMs,
    p95Ms,
    maxMs: items === 0 ? null : (maxMs ?? null),
    histogram: counts.map((count, place) => ({
      upToMs: Number((GROWTH ** (buckets[2 * place] ?? 0)).toPrecision(4)),
      items: count,
    })),
  };
}

function percentilesOf(
  buckets: TimeBuckets,
  items: number,
  maxMs: number,
  parts: readonly number[],
): number[] {
  let place = 0;
  let counted = buckets[1] ?? 0;
  return parts.map((part) => {
    while (counted < part * items && place + 2 < buckets.length) {
      place += 2;
      counted += buckets[place + 1] ?? 0;
    }
    // The middle of the bucket.
    return Math.min(maxMs, (GROWTH ** (buckets[place] ?? 0) * 2) / (1 + GROWTH));
  });
}
