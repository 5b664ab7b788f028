/** When a map is reconciled: jobs that are under way for too long may have been lost, whether or not other outcomes come in. */

/** A map without any outcome for so long is reconciled. The time doubles up to the second one, for maps of long tasks. */
export const FIRST_PATIENCE_MS = 2_000;
const MAX_PATIENCE_MS = 15_000;

/** A busy map is reconciled each time that so many first patiences have passed. */
const BUSY_PATIENCES = 2.5;

/** Redis looks at no more jobs of one map per second than this, which takes about a fiftieth of its time. */
const JOBS_PER_SECOND = 20_000;

/** To look for jobs in limbo, whole lists are read: that is done at most once in so many first patiences. */
const LIMBO_PATIENCES = 4;
/** At most so many ids are read per second. */
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

  /** Something genuine of the map came in. */
  heard(now: number): void {
    this.#quietSince = now;
    this.#quietMs = this.#firstMs;
  }

  /** Whether the map is quiet for too long. */
  isQuiet(now: number): boolean {
    return now - this.#quietSince >= this.#quietMs;
  }

  /** Whether it is time to look after the map, although it is busy. */
  isBusyForLong(now: number): boolean {
    return now - this.#lookedAt >= this.#busyMs;
  }

  /** The map is being looked after: once at a time, because while Redis is away these must not pile up. */
  get isLooking(): boolean {
    return this.#isLooking;
  }

  /** The map is looked after from now on, with so many jobs under way. */
  looks(now: number, jobs: number): void {
    this.#isLooking = true;
    if (this.isQuiet(now)) this.#quietMs = Math.min(this.#quietMs * 2, MAX_PATIENCE_MS);
    this.#quietSince = this.#lookedAt = now;
    this.#busyMs = Math.max(this.#firstMs * BUSY_PATIENCES, (jobs / JOBS_PER_SECOND) * 1_000);
  }

  /** The map was looked after, or that has failed. */
  looked(): void {
    this.#isLooking = false;
  }

  /** Whether a job that went out then is old enough to be looked for. */
  isOld(sentAt: number | undefined, now: number): boolean {
    return sentAt === undefined || now - sentAt >= this.#firstMs;
  }

  /** Whether it is time to look for jobs in limbo. */
  isLimboDue(now: number): boolean {
    return now - this.#limboAt >= this.#limboMs;
  }

  /** Jobs in limbo were looked for, in lists of so many ids. */
  lookedForLimbo(now: number, ids: number): void {
    this.#limboAt = now;
    this.#limboMs = Math.max(this.#firstMs * LIMBO_PATIENCES, (ids / IDS_PER_SECOND) * 1_000);
  }
}
