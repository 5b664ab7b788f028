/** If more jobs than this end in a ms, each wake-up serves several of them anyway. */
const MANY_PER_MS = 2;

/**
 * Whether so many jobs end that their outcomes come together by themselves, so that none has to wait for others.
 *
 * @param places - how many jobs run at a time. @param meanMs - how long one takes
 */
export function endTogether(places: number, meanMs: number): boolean {
  return places > MANY_PER_MS * meanMs;
}
