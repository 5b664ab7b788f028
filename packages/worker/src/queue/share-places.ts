/** The rule by which queues that feed one crew share its places. */

/** What a queue has and wants at this moment. */
export interface Demand {
  /** Number of its jobs that have a place. */
  readonly held: number;
  /** Whether more of its jobs wait in Redis, as far as is known. */
  readonly wants: boolean;
  /** When it last got a job, by any clock. */
  readonly servedAt: number;
}

/**
 * Gives how many jobs each queue may have here from now on. If that is fewer than it has, the ends of its jobs make room
 * for other queues.
 *
 * All queues that want more have equal shares of the places that the others do not use. The remainder goes to those whose
 * last job came longest ago, so that queues take turns even if there are fewer places than queues. A queue that wants
 * nothing keeps what it has, and lends the rest of its share to the others; if a job comes for it, it may take a place
 * that is free.
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
    // A queue above its share makes room; one below it waits until there is room.
    const limit = Math.min(own, held + free);
    free -= Math.max(0, limit - held);
    limits[at] = limit;
  }
  return limits.map((limit, at) => (queues[at]?.wants === true ? limit : limit + free));
}
