/** How the queues that feed one crew share its places: a rule, without anything that happens. */

/** What is known of a queue at this moment. */
export interface Demand {
  /** Jobs of it that have a place. */
  readonly held: number;
  /** More of its jobs wait in Redis, as far as is known. */
  readonly wants: boolean;
  /** When it was given a job last, by any clock. */
  readonly servedAt: number;
}

/**
 * Gives how many jobs each queue may have here from now on: fewer than it has, if the ends of some are to make room for
 * the jobs of others.
 *
 * All that want more have equal shares of what the others leave them. What can't be divided goes to those whose last job
 * came longest ago, so that queues take turns even where there are fewer places than queues. A queue that wants nothing
 * keeps what it has, and its share is lent to the others; of what they leave free, it may take some if a job comes.
 */
export function sharePlaces(capacity: number, queues: readonly Demand[]): number[] {
  const longestAgoFirst = [...queues.keys()]
    .filter((at) => queues[at]?.wants === true)
    .toSorted((a, b) => (queues[a]?.servedAt ?? 0) - (queues[b]?.servedAt ?? 0));
  const idleHold = queues.reduce((sum, { held, wants }) => sum + (wants ? 0 : held), 0);
  let free = Math.max(0, capacity - queues.reduce((sum, { held }) => sum + held, 0));
  const divided = Math.max(0, capacity - idleHold);
  const share = Math.floor(divided / Math.max(1, longestAgoFirst.length));
  const undivided = divided - share * longestAgoFirst.length;
  const limits = queues.map(({ held }) => held);
  for (const [turn, at] of longestAgoFirst.entries()) {
    const held = queues[at]?.held ?? 0;
    const own = share + (turn < undivided ? 1 : 0);
    // Above its share it makes room; below, it waits until there is some.
    const limit = Math.min(own, held + free);
    free -= Math.max(0, limit - held);
    limits[at] = limit;
  }
  return limits.map((limit, at) => (queues[at]?.wants === true ? limit : limit + free));
}
