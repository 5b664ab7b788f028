/** What waits for a thread, in BullMQ's order: without a priority first, then the lower number; else as they came. */

interface Prioritized {
  /** `undefined` goes before all. */
  readonly priority: number | undefined;
}

export class WaitingJobs<J extends Prioritized> {
  /** One line for each priority that somebody waits with, those to be served first in front. */
  #lines: { readonly rank: number; readonly jobs: J[] }[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(job: J): void {
    this.#line(job).push(job);
    this.#size++;
  }

  /** Puts back a job that had its turn. */
  putBack(job: J): void {
    this.#line(job).unshift(job);
    this.#size++;
  }

  next(): J | undefined {
    const [line] = this.#lines;
    const job = line?.jobs.shift();
    if (line === undefined || job === undefined) return undefined;
    if (line.jobs.length === 0) this.#lines.shift();
    this.#size--;
    return job;
  }

  remove(isUnwanted: (job: J) => boolean): void {
    this.#lines = this.#lines
      .map(({ rank, jobs }) => ({ rank, jobs: jobs.filter((job) => !isUnwanted(job)) }))
      .filter(({ jobs }) => jobs.length > 0);
    this.#size = this.#lines.reduce((sum, { jobs }) => sum + jobs.length, 0);
  }

  #line({ priority = 0 }: J): J[] {
    const place = this.#lines.findIndex(({ rank }) => rank >= priority);
    const found = this.#lines[place];
    if (found?.rank === priority) return found.jobs;
    const jobs: J[] = [];
    this.#lines.splice(place === -1 ? this.#lines.length : place, 0, { rank: priority, jobs });
    return jobs;
  }
}
