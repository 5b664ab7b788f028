/** What a queue has of the places that it shares with others: see `share-places.ts`. */

import { setTimeout as delay } from "node:timers/promises";

/** A queue that has jobs here looks again for a place after this long, in ms. */
const ASK_AGAIN_MS = 5;

export class OwnPlaces {
  /** How many jobs it may have here. Of a queue that shares nothing: any number. */
  allowed: number = Infinity;
  /** Places for jobs that it asks Redis for at this moment: no other queue is to take them meanwhile. */
  asked = 0;
  /** When it got its last job, by the monotonic clock. */
  servedAt = 0;
  /** Set while it waits for a place, and has no job here whose end could give it one. BullMQ may ask twice meanwhile. */
  #waiting: PromiseWithResolvers<void> | undefined;

  /**
   * Resolves at the next `wake`; after a moment if it has jobs here, which BullMQ's loop has to look after. The loop must not
   * ask again at once: that would keep this process from reading what Redis answers.
   */
  async wait(hasJobs: boolean): Promise<void> {
    if (hasJobs) return await delay(ASK_AGAIN_MS);
    this.#waiting ??= Promise.withResolvers();
    await this.#waiting.promise;
  }

  /** There is a place, or no use in waiting for one. */
  wake(): void {
    this.#waiting?.resolve();
    this.#waiting = undefined;
  }
}
