/** The rule that says which of a map's last chunks get a backup. */

/** When an item counts as much slower than its siblings. */
export interface Speculation {
  /** It must have been running for this many times the median time of the map's items. */
  readonly factor: number;
  /** It must also have been running for this long, in ms. */
  readonly minMs: number;
}

/** The state of a map that has nothing left to send. */
export interface MapTail {
  /** Number of all items. */
  readonly total: number;
  readonly done: number;
  /** Median time of the items that have their outcome, in ms. */
  readonly medianMs: number;
  /** Its chunks that run, and for how long they have. */
  readonly running: readonly { readonly at: number; readonly n: number; readonly ms: number }[];
}

/** The part of the map that must be done before the median is meaningful. */
const DONE_PART = 0.5;

/** Gives the first indices of the chunks that run for much longer than the map's items do, the longest first. */
export function stragglersOf(
  { total, done, medianMs, running }: MapTail,
  { factor, minMs }: Speculation,
): number[] {
  if (done < total * DONE_PART) return [];
  return running
    .filter(({ n, ms }) => ms > Math.max(minMs, factor * medianMs * n))
    .toSorted((a, b) => b.ms - a.ms)
    .map(({ at }) => at);
}
