/** How far a map has come, and how fast it goes. */

/** How far a map has come. */
export interface MapProgress {
  /**
   * Number of items; `undefined` while it is unknown, because the input has no length and has not been read to its end.
   */
  readonly total: number | undefined;
  /** Items that have their outcome, failed ones included. */
  readonly done: number;
  /** Items that ended in an error. */
  readonly failed: number;
  /** Items that were handed to the workers' queue and have no outcome yet. */
  readonly running: number;
  /** Items per second that get their outcome: recently while the map runs, on average once it has ended. */
  readonly rate: number;
  /** How long the rest will take at this rate, in ms; `undefined` while the total is unknown, or nothing is done. */
  readonly timeLeftMs: number | undefined;
  /** The map has ended, with or without success: nothing changes any more. */
  readonly ended: boolean;
}

/** The progress of a call that was refused and so has no map. */
export const NO_PROGRESS: MapProgress = {
  total: undefined,
  done: 0,
  failed: 0,
  running: 0,
  rate: 0,
  timeLeftMs: undefined,
  ended: true,
};

/** The rate is measured over this much of the past, in ms, or the time of `WINDOW_ITEMS` items if that is longer. */
const WINDOW_MS = 5_000;
const WINDOW_ITEMS = 20;

/** Outcomes come in bursts. Those within this time, in ms, are counted together. */
const BURST_MS = 50;

/**
 * Measures the rate of a map, as a mean in which older items weigh exponentially less. The weights of items and of time
 * fade alike, so that in the first seconds it gives the mean of these seconds.
 */
export class Pace {
  readonly #now: () => number;
  #beganAt: number | undefined;
  #items = 0;
  /** Weighted items and ms up to `#foldedAt`, and the items since. */
  #fadedItems = 0;
  #fadedMs = 0;
  #foldedAt = 0;
  #since = 0;
  /** Set once the map has ended. */
  #meanRate: number | undefined;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Notes that the first items are sent. */
  begin(): void {
    if (this.#beganAt !== undefined) return;
    this.#beganAt = this.#foldedAt = this.#now();
  }

  /** Counts items that got their outcome. */
  came(items: number): void {
    this.begin();
    this.#items += items;
    this.#since += items;
    const now = this.#now();
    if (now - this.#foldedAt >= BURST_MS) this.#fold(now);
  }

  /** Notes that the map has ended. */
  end(): void {
    const ms = this.#beganAt === undefined ? 0 : this.#now() - this.#beganAt;
    this.#meanRate ??= ms > 0 ? (this.#items / ms) * 1_000 : 0;
  }

  /** Items per second. */
  get rate(): number {
    if (this.#meanRate !== undefined) return this.#meanRate;
    const now = this.#now();
    // Too early: a rate measured over such a short time says little of the map.
    if (this.#beganAt === undefined || now - this.#beganAt < BURST_MS) return 0;
    if (now - this.#foldedAt >= BURST_MS) this.#fold(now);
    return this.#fadedMs === 0 ? 0 : (this.#fadedItems / this.#fadedMs) * 1_000;
  }

  #fold(now: number): void {
    const ms = now - this.#foldedAt;
    const age = now - (this.#beganAt ?? now);
    const window = Math.max(WINDOW_MS, (age / Math.max(1, this.#items)) * WINDOW_ITEMS);
    const kept = Math.exp(-ms / window);
    // The items count as if they had come evenly during this time.
    const mean = (window * (1 - kept)) / ms;
    this.#fadedItems = this.#fadedItems * kept + this.#since * mean;
    this.#fadedMs = this.#fadedMs * kept + ms * mean;
    this.#since = 0;
    this.#foldedAt = now;
  }
}

/** Adds to the counts of a map its rate and the time left. */
export function progressOf(
  counts: Pick<MapProgress, "total" | "done" | "failed" | "running" | "ended">,
  pace: Pace,
): MapProgress {
  const { rate } = pace;
  return { ...counts, rate, timeLeftMs: timeLeft(counts, rate) };
}

function timeLeft(
  { total, done, ended }: Pick<MapProgress, "total" | "done" | "ended">,
  rate: number,
): number | undefined {
  if (ended) return 0;
  if (total === undefined) return undefined;
  const left = Math.max(0, total - done);
  if (left === 0) return 0;
  return rate > 0 ? (left / rate) * 1_000 : undefined;
}
