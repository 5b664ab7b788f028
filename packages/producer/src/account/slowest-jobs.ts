import type { SlowJob } from "./map-insights.ts";

const SLOWEST = 10;

/** The jobs of a map whose items took longest. */
export class SlowestJobs {
  /** The slowest first. */
  readonly #jobs: SlowJob[] = [];
  /** Time per item of the last of them, in ms, once the list is full. A faster job need not be added. */
  slowEnough = -1;

  get all(): SlowJob[] {
    return [...this.#jobs];
  }

  add(job: SlowJob): void {
    const place = this.#jobs.findIndex((other) => msPerItem(other) < msPerItem(job));
    this.#jobs.splice(place === -1 ? this.#jobs.length : place, 0, job);
    if (this.#jobs.length > SLOWEST) this.#jobs.pop();
    const last = this.#jobs[SLOWEST - 1];
    if (last !== undefined) this.slowEnough = msPerItem(last);
  }
}

function msPerItem({ ms, items }: SlowJob): number {
  return ms / items;
}
