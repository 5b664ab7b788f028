/** A pause is long if it lasts this many times as long as the longest before it. */
const PAUSES = 5;

/** How somebody went on so far who takes or gives items one by one. */
interface Pace {
  /** When the present pause began, in ms. */
  readonly at: number;
  /** The longest pause so far, in ms. */
  readonly longestMs: number;
}

/**
 * Whether the present pause is so long that it is likely to have no end: somebody who was slow before gets more time.
 *
 * @param since - when the count begins at the earliest. @param graceMs - how long any pause may last
 */
export function isLongPause({ at, longestMs }: Pace, now: number, since: number, graceMs: number): boolean {
  return now - Math.max(at, since) >= Math.max(graceMs, PAUSES * longestMs);
}
