/**
 * How much of a map may be in the queue: about half a second of the fleet's work.
 *
 * Redis serves maps in turns, by the time that their jobs take (`turns.ts` in the shared package), so the window does not
 * decide who gets how much. It bounds what a map has in Redis, what a cancel has to remove there, and how much of an
 * urgent map is ahead of another one of the same priority. It must be large enough that no slot waits for a producer.
 */

import { endTogether } from "@poolmq/shared/internal";

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

/**
 * What was measured of the task before counts like at most this many jobs, until this map is measured: a small map would
 * else be over before its window has grown, and spend most of its time on round trips. It is few, because the same function
 * may have more to do this time.
 */
const MAX_KNOWN_JOBS = 30;

/** The mean run time is that of about this many last jobs. */
const REMEMBERED_JOBS = 20;

interface UnderWay {
  readonly jobs: number;
  readonly items: number;
}

/** What was measured of the jobs of a map. It outlives the map, for the next one of the same task. */
interface Pace {
  /** Exponentially weighted sums of the measurements, of `weight` jobs. */
  ms: number;
  items: number;
  weight: number;
  /** Jobs of this map that were measured. */
  jobs: number;
  /** As many as this were measured of the task before, up to `MAX_KNOWN_JOBS`. */
  readonly known: number;
}

export class WorkWindow {
  readonly #slots: () => number;
  readonly #startsPerS: number;
  readonly #stuck: (() => number) | undefined;
  readonly pace: Readonly<Pace>;
  readonly #pace: Pace;

  /**
   * @param slots - how many items the fleet runs at a time, of the map's task
   * @param startsPerS - how many may start in a second
   * @param stuck - how many jobs wait for a server that does not answer: the fleet has to do something else meanwhile
   * @param before - the pace of the last map of the same task
   */
  constructor(
    slots: () => number,
    startsPerS: number = Infinity,
    stuck?: () => number,
    before?: Readonly<Pace>,
  ) {
    this.#slots = slots;
    this.#startsPerS = startsPerS;
    this.#stuck = stuck;
    this.#pace = paceAfter(before);
    this.pace = this.#pace;
  }

  /** Notes a job that ran `items` items in `ms`. */
  ran(items: number, ms: number): void {
    const pace = this.#pace;
    pace.jobs++;
    const kept = 1 - 1 / Math.min(pace.jobs, REMEMBERED_JOBS);
    pace.ms = pace.ms * kept + ms;
    pace.items = pace.items * kept + items;
    pace.weight = pace.weight * kept + 1;
  }

  /** Whether one more job may be sent. @param sent - what waits in the queue and runs */
  hasRoom(sent: UnderWay): boolean {
    const underWay = this.#unstuck(sent);
    const slots = this.#slots();
    const unmeasured = Math.max(FIRST_JOBS, FIRST_JOBS_PER_SLOT * slots);
    const { ms, items, weight, jobs, known } = this.#pace;
    if (underWay.jobs >= unmeasured + GROWTH * Math.max(jobs, known)) return false;
    const meanS = weight === 0 ? 0 : ms / weight / 1_000;
    // Allow the jobs that run, and those that start within a second.
    if (underWay.jobs >= 2 + this.#startsPerS * (1 + meanS)) return false;
    // Of long items, as many may wait as run, so that a slot that becomes free is not idle until the next one is sent.
    const isFirst = jobs === 0 && underWay.jobs < unmeasured;
    if (isFirst || weight === 0 || underWay.jobs < 2 * slots) return true;
    const waiting = (WAITING_MS * slots * items) / Math.max(ms, Number.EPSILON);
    return underWay.items < waiting + (slots * items) / weight;
  }

  /**
   * How long it takes until every slot has begun what waits, in ms; 0 while that is not known, or if so many jobs end that
   * their outcomes come together anyway.
   */
  waitingMs(sent: UnderWay): number {
    const { ms, items, weight, jobs: measured } = this.#pace;
    const slots = Math.max(1, this.#slots());
    if (measured === 0 || items === 0 || endTogether(slots, ms / weight)) return 0;
    const underWay = this.#unstuck(sent);
    const waiting = underWay.jobs <= slots ? 0 : underWay.items * (1 - slots / underWay.jobs);
    return (waiting * ms) / (slots * items);
  }

  #unstuck(sent: UnderWay): UnderWay {
    const stuck = this.#stuck?.() ?? 0;
    if (stuck === 0) return sent;
    return { jobs: sent.jobs - stuck, items: sent.items * (1 - stuck / sent.jobs) };
  }
}

/** The pace with which a map begins. */
function paceAfter(before: Readonly<Pace> | undefined): Pace {
  const known = before === undefined ? 0 : Math.min(MAX_KNOWN_JOBS, before.known + before.jobs);
  if (before === undefined || before.weight === 0) return { ms: 0, items: 0, weight: 0, jobs: 0, known };
  const { ms, items, weight } = before;
  return { ms: ms / weight, items: items / weight, weight: 1, jobs: 0, known };
}
