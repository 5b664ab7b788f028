/** Which of a map's last chunks are worth a second run elsewhere: a pure rule. */

/** When an item counts as much slower than its siblings. */
export interface Speculation {
  /** So many times as long as half of the map's items took. */
  readonly factor: number;
  /** It must also have been running for so long, in ms. */
  readonly minMs: number;
}

/** What is known of a map that has nothing left to start. */
export interface MapTail {
  /** Items in all, and those that have their outcome. */
  readonly total: number;
  readonly done: number;
  /** Half of those took less than this, in ms. */
  readonly medianMs: number;
  /** Its chunks that run, and for how long they have. */
  readonly running: readonly { readonly at: number; readonly n: number; readonly ms: number }[];
}

/** What the first items took says little of the others before so much of the map is done. */
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
