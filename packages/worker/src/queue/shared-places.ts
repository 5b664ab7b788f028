/**
 * The places of one crew that several queues feed. Each queue is told how many jobs it may have here, whenever that
 * changes.
 */

import { sharePlaces } from "./share-places.ts";
import type { Demand } from "./share-places.ts";

/** A queue that shares the places. */
export interface SharingQueue {
  readonly demand: Demand;
  /** Sets how many jobs it may have here from now on. */
  allow(places: number): void;
}

export class SharedPlaces {
  readonly #queues: SharingQueue[] = [];
  #capacity: number;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Adds a queue that feeds the crew. */
  add(queue: SharingQueue): void {
    this.#queues.push(queue);
    this.share();
  }

  /** Sets the number of places. */
  resize(capacity: number): void {
    this.#capacity = capacity;
    this.share();
  }

  /** Shares the places anew, after the demand of a queue has changed. */
  share(): void {
    const demands = this.#queues.map(({ demand }) => demand);
    for (const [at, places] of sharePlaces(this.#capacity, demands).entries())
      this.#queues[at]?.allow(places);
  }
}
