/**
 * How much of a map may stand in the queue: what the fleet does in about half a second.
 *
 * Redis serves maps in turns, by the time that their jobs take (`turns.ts` in the shared package), so the window does not
 * decide who gets how much. It bounds what Redis holds, and how much of an urgent map goes before those that come after it.
 */

/** Work that waits. With what is left of the jobs that run, it comes to half a second. */
const WAITING_MS = 400;

/**
 * Jobs for each slot before any was measured: one that runs, and two that wait while the first outcome is on its way. The
 * map may be one of long items.
 */
const FIRST_JOBS_PER_SLOT = 3;

/** On a small fleet a few more, so that a map of a few short items need not wait for its first outcome. */
const FIRST_JOBS = 8;

/** So many more jobs may go for each that was measured: the first may have been short by chance. */
const GROWTH = 4;

/** The mean run time is that of about so many jobs. */
const REMEMBERED_JOBS = 20;

/** How many slots the map occupies is the mean over this time, or over so many run times of a job if that is longer. */
const OCCUPIED_MS = 1_000;
const OCCUPIED_JOBS = 5;

export class WorkWindow {
  readonly #slots: () => number;
  readonly #startsPerS: number;
  readonly #now: () => number;
  /** Faded sums of what was measured; with `weight` jobs in them. */
  #ms = 0;
  #items = 0;
  #weight = 0;
  #measuredJobs = 0;
  /** Mean number of slots that run items of this map; as many as there are before anything is known. */
  #occupied: number | undefined;
  #cameAt = 0;

  /**
   * @param slots - how many items the fleet runs at a time, of the map's task
   * @param startsPerS - how many may start in a second
   */
  constructor(
    slots: () => number,
    now: () => number = () => performance.now(),
    startsPerS: number = Infinity,
  ) {
    this.#slots = slots;
    this.#startsPerS = startsPerS;
    this.#now = now;
  }

  /** Takes account of a job that ran `items` items in `ms`. */
  ran(items: number, ms: number): void {
    this.#measuredJobs++;
    const kept = 1 - 1 / Math.min(this.#measuredJobs, REMEMBERED_JOBS);
    this.#ms = this.#ms * kept + ms;
    this.#items = this.#items * kept + items;
    this.#weight = this.#weight * kept + 1;
    const now = this.#now();
    const overMs = Math.max(OCCUPIED_MS, (OCCUPIED_JOBS * this.#ms) / this.#weight);
    if (this.#occupied === undefined) this.#occupied = this.#slots();
    else this.#occupied = this.#occupied * Math.exp((this.#cameAt - now) / overMs) + ms / overMs;
    this.#cameAt = now;
  }

  /** Whether one more job may go. @param underWay - what is in the queue and runs */
  hasRoom(underWay: { readonly jobs: number; readonly items: number }): boolean {
    const slots = this.#slots();
    const unmeasured = Math.max(FIRST_JOBS, FIRST_JOBS_PER_SLOT * slots);
    if (underWay.jobs >= unmeasured + GROWTH * this.#measuredJobs) return false;
    const meanS = this.#weight === 0 ? 0 : this.#ms / this.#weight / 1_000;
    // Those that run, and a second's worth of those that wait for their start.
    if (underWay.jobs >= 2 + this.#startsPerS * (1 + meanS)) return false;
    if (this.#occupied === undefined) return true;
    const occupied = Math.min(this.#occupied, slots);
    // Of long items, as many wait as run: a slot that gets free must not stand idle until the next one is sent.
    if (underWay.jobs < Math.max(slots, 2 * occupied)) return true;
    const waiting = (WAITING_MS * slots * this.#items) / Math.max(this.#ms, Number.EPSILON);
    return underWay.items < waiting + (occupied * this.#items) / this.#weight;
  }
}
