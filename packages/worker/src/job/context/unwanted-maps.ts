/** As many ids as a queue cancels in a day or so; one that was forgotten costs a run that nobody wants, and no more. */
const MAX_IDS = 10_000;

/** A job that waited for longer, in ms, may belong to a map whose cancel a machine has missed. */
const FRESH_MS = 2_000;

/** Redis is asked so often, in ms, about a map whose jobs are not fresh. */
const ASK_AGAIN_MS = 1_000;

/** What is to be known of a job. */
interface QueuedJob {
  /** When it was enqueued, in ms since 1970, by the producer's clock. */
  readonly timestamp: number;
  /** How often a machine vanished with it. */
  readonly stalledCounter: number;
}

/**
 * Maps whose outcomes nobody wants any more: they were cancelled, or their producer has died. Cancels are told to the
 * machines; a machine that was not there then asks Redis, once a second for each map at most, and not for jobs that have
 * just been enqueued. Forgets the oldest maps: a machine lives long.
 */
export class UnwantedMaps {
  readonly #isWanted: (mapId: string) => Promise<boolean>;
  readonly #ids = new Set<string>();
  /** By map: when Redis was asked last, by the monotonic clock, and what it says. */
  readonly #asked = new Map<string, { readonly at: number; readonly isWanted: Promise<boolean> }>();
  /** When this machine began to listen. */
  readonly #since: number = Date.now();

  /** @param isWanted - asks Redis */
  constructor(isWanted: (mapId: string) => Promise<boolean>) {
    this.#isWanted = isWanted;
  }

  /** Whether nobody wants the outcomes of the map that a job belongs to. Told at once where Redis need not be asked. */
  has(mapId: string, job: QueuedJob): false | Promise<boolean> {
    const isKnown = this.#ids.has(mapId);
    return !isKnown && this.#isFresh(job) ? false : this.#lookUp(mapId, isKnown);
  }

  async #lookUp(mapId: string, isKnown: boolean): Promise<boolean> {
    // A map that is known as unwanted is asked about each time: its producer may have opened it again after Redis lost it.
    const isWanted = await (isKnown ? this.#isWanted(mapId) : this.#askSometimes(mapId));
    if (isWanted) this.#ids.delete(mapId);
    else this.add(mapId);
    return !isWanted;
  }

  add(mapId: string): void {
    this.#ids.add(mapId);
    const [oldest] = this.#ids;
    if (this.#ids.size > MAX_IDS && oldest !== undefined) this.#ids.delete(oldest);
  }

  /** Notes that a map was cancelled, as far as is known. False if that is known already, or it was begun again since. */
  async learn(mapId: string): Promise<boolean> {
    if (this.#ids.has(mapId) || (await this.#isWanted(mapId))) return false;
    this.add(mapId);
    return true;
  }

  #isFresh({ timestamp, stalledCounter }: QueuedJob): boolean {
    // Clocks may differ: then it is asked more often than it need be.
    return stalledCounter === 0 && timestamp >= this.#since && Math.abs(Date.now() - timestamp) < FRESH_MS;
  }

  async #askSometimes(mapId: string): Promise<boolean> {
    const now = performance.now();
    let asked = this.#asked.get(mapId);
    if (asked === undefined || now - asked.at > ASK_AGAIN_MS) {
      asked = { at: now, isWanted: this.#isWanted(mapId) };
      // Put behind the others: the oldest come first.
      this.#asked.delete(mapId);
      this.#asked.set(mapId, asked);
      const [oldest] = this.#asked.keys();
      if (this.#asked.size > MAX_IDS && oldest !== undefined) this.#asked.delete(oldest);
    }
    return await asked.isWanted;
  }
}
