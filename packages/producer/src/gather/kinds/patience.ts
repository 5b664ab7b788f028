/**
 * Decides when a map is reconciled. Jobs that are under way for too long may be lost, whether or not other outcomes come
 * in.
 */

/**
 * A map is reconciled after this long without any outcome, in ms. The time doubles up to `MAX_PATIENCE_MS`, for maps of
 * long tasks.
 */
export const FIRST_PATIENCE_MS = 2_000;
const MAX_PATIENCE_MS = 15_000;

/** A busy map is reconciled after this many times the first patience. */
const BUSY_PATIENCES = 2.5;

/** The most jobs of one map that Redis is asked about per second, which takes about a fiftieth of its time. */
const JOBS_PER_SECOND = 20_000;

/**
 * A Redis that gets little of a processor needs much longer than that for each job. So after a look, none follows for so many
 * times as long as the look took, and for at most `MAX_REST_MS`.
 */
const REST_TIMES = 20;
const MAX_REST_MS = 30_000;

/** Looking for jobs in limbo reads whole lists. So it is done at most once in this many times the first patience. */
const LIMBO_PATIENCES = 4;
/** The most ids that are read per second. */
const IDS_PER_SECOND = 5_000;

export class Patience {
  readonly #firstMs: number;
  #quietSince: number;
  #quietMs: number;
  #lookedAt: number;
  #busyMs: number;
  #limboAt: number;
  #limboMs: number;
  #isLooking = false;

  constructor(firstMs: number, now: number) {
    this.#firstMs = firstMs;
    this.#quietSince = this.#lookedAt = this.#limboAt = now;
    this.#quietMs = firstMs;
    this.#busyMs = firstMs * BUSY_PATIENCES;
    this.#limboMs = firstMs * LIMBO_PATIENCES;
  }

  /** Notes a genuine entry of the map. */
  heard(now: number): void {
    this.#quietSince = now;
    this.#quietMs = this.#firstMs;
  }

  /** Whether the map has been silent for too long. */
  isQuiet(now: number): boolean {
    return now - this.#quietSince >= this.#quietMs;
  }

  /** Whether a busy map is due to be reconciled. */
  isBusyForLong(now: number): boolean {
    return now - this.#lookedAt >= this.#busyMs;
  }

  /**
   * Whether the map is being reconciled. It is done once at a time, so that questions do not pile up while Redis is away.
   */
  get isLooking(): boolean {
    return this.#isLooking;
  }

  /** Notes that reconciling begins, with `jobs` jobs under way. */
  looks(now: number, jobs: number): void {
    this.#isLooking = true;
    if (this.isQuiet(now)) this.#quietMs = Math.min(this.#quietMs * 2, MAX_PATIENCE_MS);
    this.#quietSince = this.#lookedAt = now;
    this.#busyMs = Math.max(this.#firstMs * BUSY_PATIENCES, (jobs / JOBS_PER_SECOND) * 1_000);
  }

  /** Notes that reconciling is over. @param now - when it ended; undefined if it failed */
  looked(now?: number): void {
    this.#isLooking = false;
    if (now === undefined) return;
    this.#busyMs = Math.max(this.#busyMs, restMs(now - this.#lookedAt));
    this.#lookedAt = now;
  }

  /** Whether a job that was sent at that time is old enough to be looked for. */
  isOld(sentAt: number | undefined, now: number): boolean {
    return sentAt === undefined || now - sentAt >= this.#firstMs;
  }

  /** Whether it is time to look for jobs in limbo. */
  isLimboDue(now: number): boolean {
    return now - this.#limboAt >= this.#limboMs;
  }

  /** Notes that jobs in limbo were looked for since `since`, in lists of `ids` ids. */
  lookedForLimbo(since: number, now: number, ids: number): void {
    this.#limboAt = now;
    const leastMs = Math.max(this.#firstMs * LIMBO_PATIENCES, (ids / IDS_PER_SECOND) * 1_000);
    this.#limboMs = Math.max(leastMs, restMs(now - since));
  }
}

/** How long not to look after a look that took so long. */
function restMs(tookMs: number): number {
  return Math.min(MAX_REST_MS, tookMs * REST_TIMES);
}
