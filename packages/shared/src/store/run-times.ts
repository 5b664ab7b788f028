/** How long items ran, as counts in fixed buckets: small enough to tell every second, and they add up. */

/** How long items ran, as workers measured it. An item of a chunk counts with its share of the chunk's time. */
export interface RunTimes {
  /** Number of items measured. */
  readonly items: number;
  /** `null` before the first. */
  readonly meanMs: number | null;
  readonly medianMs: number | null;
  readonly p95Ms: number | null;
  /** Items by run time: as many as did not fit the buckets before, and took at most `upToMs` (`null`: any time). */
  readonly histogram: readonly { readonly upToMs: number | null; readonly items: number }[];
}

/** Upper bounds of the buckets, in ms; one more bucket takes what is longer. */
const RUN_TIME_BOUNDS_MS: readonly number[] = [-1, 0, 1, 2, 3, 4, 5, 6].flatMap((exponent) =>
  [1, 2, 5].map((digit) => Number(`${digit}e${exponent}`)),
);

/** Number of the bucket for a run time. */
export function bucketOf(ms: number): number {
  const bucket = RUN_TIME_BOUNDS_MS.findIndex((bound) => ms <= bound);
  return bucket === -1 ? RUN_TIME_BOUNDS_MS.length : bucket;
}

/** @param counts - by bucket; those that are missing at the end are 0 */
export function runTimesOf(counts: readonly number[], sumMs: number): RunTimes {
  const items = counts.reduce((sum, count) => sum + count, 0);
  return {
    items,
    meanMs: items === 0 ? null : sumMs / items,
    medianMs: quantileMs(counts, items * 0.5),
    p95Ms: quantileMs(counts, items * 0.95),
    histogram: counts.map((count, bucket) => ({ upToMs: RUN_TIME_BOUNDS_MS[bucket] ?? null, items: count })),
  };
}

/** The run time that so many items stay below, as if those of a bucket were spread evenly over it. */
function quantileMs(counts: readonly number[], rank: number): number | null {
  let before = 0;
  for (const [bucket, count] of counts.entries()) {
    if (count > 0 && before + count >= rank) {
      const from = bucket === 0 ? 0 : (RUN_TIME_BOUNDS_MS[bucket - 1] ?? 0);
      const to = RUN_TIME_BOUNDS_MS[bucket] ?? from;
      return from + ((to - from) * (rank - before)) / count;
    }
    before += count;
  }
  return null;
}
