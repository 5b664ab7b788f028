/** The places of one crew, which several queues feed: each is told how many jobs it may have here, whenever that changes. */

import { sharePlaces } from "./share-places.ts";
import type { Demand } from "./share-places.ts";

/** A queue that has some of the places. */
export interface SharingQueue {
  readonly demand: Demand;
  /** It may have so many jobs here from now on. */
  allow(places: number): void;
}

export class SharedPlaces {
  readonly #queues: SharingQueue[] = [];
  #capacity: number;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Another queue begins to feed the crew. */
  add(queue: SharingQueue): void {
    this.#queues.push(queue);
    this.share();
  }

  /** There are more places now, or fewer. */
  resize(capacity: number): void {
    this.#capacity = capacity;
    this.share();
  }

  /** A queue has got a job, or ended one, or has no more, or is away, or back. */
  share(): void {
    const demands = this.#queues.map(({ demand }) => demand);
    for (const [at, places] of sharePlaces(this.#capacity, demands).entries())
      this.#queues[at]?.allow(places);
  }
}
