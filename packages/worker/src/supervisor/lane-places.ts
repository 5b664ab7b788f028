/** A lane's part of the places of the machine's crew, if several lanes feed it. */

import type { Crew } from "../crew/crew.ts";
import type { JobQueue } from "../queue/job-queue.ts";
import type { Demand } from "../queue/share-places.ts";
import type { SharedPlaces, SharingQueue } from "../queue/shared-places.ts";
import type { Run, RunEnd } from "../runs/run.ts";
import type { Pulse } from "./pulse.ts";

export class LanePlaces implements SharingQueue {
  readonly #places: SharedPlaces;
  readonly #queue: JobQueue;
  readonly #pulse: Pulse;
  readonly #crew: Pick<Crew, "run">;
  /** Number of this lane's jobs that the crew has. */
  #running = 0;

  constructor(places: SharedPlaces, queue: JobQueue, pulse: Pulse, crew: Pick<Crew, "run">) {
    this.#places = places;
    this.#queue = queue;
    this.#pulse = pulse;
    this.#crew = crew;
  }

  /** While Redis is away, jobs that have run can't be published. They occupy no place, and no further ones can come. */
  get demand(): Demand {
    return this.#pulse.isSilent ? { held: this.#running, wants: false, servedAt: 0 } : this.#queue.demand;
  }

  allow(places: number): void {
    this.#queue.allow(places);
  }

  /** Runs a job on the crew. */
  async run(run: Run): Promise<RunEnd> {
    this.#running++;
    const end = await this.#crew.run(run);
    this.#running--;
    if (this.#pulse.isSilent) this.#places.share();
    return end;
  }
}
