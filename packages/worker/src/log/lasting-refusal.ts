/** What is refused is asked for again within a second. A refusal that is older than this, in ms, is over. */
const STILL_MS = 3_000;

/** A refusal that has gone on for this long, in ms, lasts. */
const LASTING_MS = 2_000;

/** Tells a refusal of Redis that goes on from one that happens once. */
export class LastingRefusal {
  #since = 0;
  #at = -Infinity;
  #reason = "";

  /** Notes that Redis has refused something just now. */
  note(reason: string): void {
    const now = performance.now();
    if (now - this.#at >= STILL_MS) this.#since = now;
    this.#at = now;
    this.#reason = reason;
  }

  /** The last reason, if Redis has refused for some time and still does. */
  get reason(): string | undefined {
    const now = performance.now();
    return now - this.#at < STILL_MS && now - this.#since >= LASTING_MS ? this.#reason : undefined;
  }
}
