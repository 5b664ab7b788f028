/**
 * How much of a map may be in the queue: about half a second of the fleet's work.
 *
 * Redis serves maps in turns, by the time that their jobs take (`turns.ts` in the shared package), so the window does not
 * decide who gets how much. It bounds what a map has in Redis, what a cancel has to remove there, and how much of an
 * urgent map is ahead of another one of the same priority. It must be large enough that no slot waits for a producer.
 */

/** How much work may wait, in ms. With the rest of the running jobs, this makes about half a second. */
const WAITING_MS = 400;

/**
 * Jobs for each slot before any was measured: one that runs, and two that wait while the first outcome is on its way. It
 * is few, because the items may be long.
 */
const FIRST_JOBS_PER_SLOT = 3;

/** At least this many jobs before any was measured, so that a map of a few short items need not wait on a small fleet. */
const FIRST_JOBS = 8;

/** For each job that was measured, this many more may be sent: the first ones may have been short by chance. */
const GROWTH = 4;

/** The mean run time is that of about this many last jobs. */
const REMEMBERED_JOBS = 20;

interface UnderWay {
  readonly jobs: number;
  readonly items: number;
}

export class WorkWindow {
  readonly #slots: () => number;
  readonly #startsPerS: number;
  readonly #stuck: (() => number) | undefined;
  /** Exponentially weighted sums of the measurements, of `weight` jobs. */
  #ms = 0;
  #items = 0;
  #weight = 0;
  #measuredJobs = 0;

  /**
   * @param slots - how many items the fleet runs at a time, of the map's task
   * @param startsPerS - how many may start in a second
   * @param stuck - how many jobs wait for a server that does not answer: the fleet has to do something else meanwhile
   */
  constructor(slots: () => number, startsPerS: number = Infinity, stuck?: () => number) {
    this.#slots = slots;
    this.#startsPerS = startsPerS;
    this.#stuck = stuck;
  }

  /** Notes a job that ran `items` items in `ms`. */
  ran(items: number, ms: number): void {
    this.#measuredJobs++;
    const kept = 1 - 1 / Math.min(this.#measuredJobs, REMEMBERED_JOBS);
    this.#ms = this.#ms * kept + ms;
    this.#items = this.#items * kept + items;
    this.#weight = this.#weight * kept + 1;
  }

  /** Whether one more job may be sent. @param sent - what waits in the queue and runs */
  hasRoom(sent: UnderWay): boolean {
    const underWay = this.#unstuck(sent);
    const slots = this.#slots();
    const unmeasured = Math.max(FIRST_JOBS, FIRST_JOBS_PER_SLOT * slots);
    if (underWay.jobs >= unmeasured + GROWTH * this.#measuredJobs) return false;
    const meanS = this.#weight === 0 ? 0 : this.#ms / this.#weight / 1_000;
    // Allow the jobs that run, and those that start within a second.
    if (underWay.jobs >= 2 + this.#startsPerS * (1 + meanS)) return false;
    // Of long items, as many may wait as run, so that a slot that becomes free is not idle until the next one is sent.
    if (this.#weight === 0 || underWay.jobs < 2 * slots) return true;
    const waiting = (WAITING_MS * slots * this.#items) / Math.max(this.#ms, Number.EPSILON);
    return underWay.items < waiting + (slots * this.#items) / this.#weight;
  }

  #unstuck(sent: UnderWay): UnderWay {
    const stuck = this.#stuck?.() ?? 0;
    if (stuck === 0) return sent;
    return { jobs: sent.jobs - stuck, items: sent.items * (1 - stuck / sent.jobs) };
  }
}
