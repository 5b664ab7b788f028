/**
 * The most ids that are remembered: about as many maps as are cancelled in a day. One that was forgotten costs at most a
 * run that nobody wants.
 */
const MAX_IDS = 10_000;

/** A job that is older than this, in ms, may belong to a map whose cancel this machine has missed. */
const FRESH_MS = 2_000;

/** How often Redis is asked about a map whose jobs are not fresh, in ms. */
const ASK_AGAIN_MS = 1_000;

/** The facts of a job that are needed here. */
interface QueuedJob {
  /** When it was enqueued, in ms since 1970, by the producer's clock. */
  readonly timestamp: number;
  /** How often a machine vanished with it. */
  readonly stalledCounter: number;
}

/**
 * Maps whose outcomes nobody wants any more: they were cancelled, or their producer has died. Machines are told of
 * cancels. For those that a machine may have missed, it asks Redis, at most once a second for each map, and not for jobs
 * that have just been enqueued. The oldest maps are forgotten, because a machine lives long.
 */
export class UnwantedMaps {
  readonly #isWanted: (mapId: string) => Promise<boolean>;
  /** By map id: the number of the cancel that made it unwanted; 0 if only Redis said so. */
  readonly #ids = new Map<string, number>();
  /** How many cancels were heard. */
  #cancels = 0;
  /** By map: when Redis was asked last, by the monotonic clock, and what it says. */
  readonly #asked = new Map<string, { readonly at: number; readonly isWanted: Promise<boolean> }>();
  /** When this machine began to listen. */
  readonly #since: number = Date.now();

  /** @param isWanted - asks Redis */
  constructor(isWanted: (mapId: string) => Promise<boolean>) {
    this.#isWanted = isWanted;
  }

  /** Whether nobody wants the outcomes of a job's map. Gives a promise only if Redis must be asked. */
  has(mapId: string, job: QueuedJob): false | Promise<boolean> {
    return !this.knows(mapId) && this.#isFresh(job) ? false : this.#lookUp(mapId);
  }

  /** Whether a cancel of the map was heard since the machine learned last that it is wanted. */
  knows(mapId: string): boolean {
    return this.#ids.has(mapId);
  }

  async #lookUp(mapId: string): Promise<boolean> {
    const before = this.#ids.get(mapId);
    // Redis is asked each time about a map that is known as unwanted, because its producer may have opened it again after
    // Redis lost it.
    const isWanted = await (before === undefined ? this.#askSometimes(mapId) : this.#isWanted(mapId));
    // A cancel that was heard meanwhile may be newer than what Redis said.
    if ((this.#ids.get(mapId) ?? 0) > (before ?? 0)) return true;
    if (isWanted) this.#ids.delete(mapId);
    else this.#note(mapId, before ?? 0);
    return !isWanted;
  }

  add(mapId: string): void {
    this.#note(mapId, ++this.#cancels);
  }

  #note(mapId: string, cancel: number): void {
    this.#ids.set(mapId, cancel);
    const [oldest] = this.#ids.keys();
    if (this.#ids.size > MAX_IDS && oldest !== undefined) this.#ids.delete(oldest);
  }

  /** Notes that a map seems to be cancelled. False if that is known already, or if the map was begun again since. */
  async learn(mapId: string): Promise<boolean> {
    if (this.#ids.has(mapId) || (await this.#isWanted(mapId))) return false;
    this.add(mapId);
    return true;
  }

  #isFresh({ timestamp, stalledCounter }: QueuedJob): boolean {
    // If clocks differ, Redis is asked more often than necessary.
    return stalledCounter === 0 && timestamp >= this.#since && Math.abs(Date.now() - timestamp) < FRESH_MS;
  }

  async #askSometimes(mapId: string): Promise<boolean> {
    const now = performance.now();
    let asked = this.#asked.get(mapId);
    if (asked === undefined || now - asked.at > ASK_AGAIN_MS) {
      asked = { at: now, isWanted: this.#isWanted(mapId) };
      // Moved to the end, because the map is ordered from the oldest on.
      this.#asked.delete(mapId);
      this.#asked.set(mapId, asked);
      const [oldest] = this.#asked.keys();
      if (this.#asked.size > MAX_IDS && oldest !== undefined) this.#asked.delete(oldest);
    }
    return await asked.isWanted;
  }
}
