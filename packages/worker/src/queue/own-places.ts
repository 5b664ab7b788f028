/** A queue's part of the places that it shares with others: see `share-places.ts`. */

import { setTimeout as delay } from "node:timers/promises";

/** How long a queue that has jobs here waits before it asks for a place again, in ms. */
const ASK_AGAIN_MS = 5;

export class OwnPlaces {
  /** How many jobs it may have here; any number if it shares nothing. */
  allowed: number = Infinity;
  /** Places that are reserved for the jobs of a fetch that is under way. */
  asked = 0;
  /** Set while it waits for a place without having jobs here. BullMQ may ask twice meanwhile. */
  #waiting: PromiseWithResolvers<void> | undefined;

  /**
   * Resolves at the next `wake` or, if it has jobs here for which BullMQ's loop must go on, after a moment. Without that
   * pause, the loop would ask again and again, and this process would never read Redis's answers.
   */
  async wait(hasJobs: boolean): Promise<void> {
    if (hasJobs) return await delay(ASK_AGAIN_MS);
    this.#waiting ??= Promise.withResolvers();
    await this.#waiting.promise;
  }

  /** Ends the wait: there is a place, or waiting is useless. */
  wake(): void {
    this.#waiting?.resolve();
    this.#waiting = undefined;
  }
}
