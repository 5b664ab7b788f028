/** Records where the time of a map goes. Its memory is bounded, and it costs well below a µs a job. */

import { TimeSketch } from "@poolmq/shared/internal";

import { withSummary } from "./map-insights.ts";
import { NO_PROGRESS } from "./map-progress.ts";
import type { MapInsights, TimeSpread } from "./map-insights.ts";
import { ProcessLog } from "./process-log.ts";
import { SlowestJobs } from "./slowest-jobs.ts";

/** The times of a job that got its outcome. */
export interface JobTimes {
  /** Number of its items. */
  readonly n: number;
  /** Index of the first of them. */
  readonly at: number;
  /** How long it ran, in ms. */
  readonly ms: number;
  /** How long ago it was enqueued, in ms, if that is known. */
  readonly ageMs: number | undefined;
  /** How long its outcome was on its way here, in ms, if that is known. */
  readonly transitMs: number | undefined;
  /** The machine and process that ran it: the end of a `RanText` of the wire contract. */
  readonly by: string | undefined;
}

export class InsightLog {
  readonly #waiting = new TimeSketch();
  readonly #running = new TimeSketch();
  readonly #transit = new TimeSketch();
  readonly #slowest = new SlowestJobs();
  readonly #processes = new ProcessLog();
  #jobs = 0;
  #smallest = Infinity;
  #largest = 0;
  #beganAt: number | undefined;
  #endedAt: number | undefined;

  begin(): void {
    this.#beganAt ??= performance.now();
  }

  end(): void {
    this.#endedAt ??= performance.now();
  }

  backedUp(): void {
    this.#processes.backedUp();
  }

  came({ n, at, ms, ageMs, transitMs, by }: JobTimes): void {
    this.begin();
    this.#jobs++;
    if (n < this.#smallest) this.#smallest = n;
    if (n > this.#largest) this.#largest = n;
    const msPerItem = ms / n;
    this.#running.add(msPerItem, n);
    if (transitMs !== undefined) this.#transit.add(transitMs, n);
    if (ageMs !== undefined) this.#waiting.add(Math.max(0, ageMs - ms - (transitMs ?? 0)), n);
    if (msPerItem > this.#slowest.slowEnough) this.#slowest.add({ index: at, items: n, ms });
    if (by !== undefined && by !== "") this.#processes.ran(by, n, ms);
  }

  /** How long its items ran. */
  get running(): TimeSketch {
    return this.#running;
  }

  get jobs(): number {
    return this.#jobs;
  }

  /** @param why - who chose the size of the chunks, and from what */
  read(counts: { readonly done: number; readonly failed: number }, why?: string): MapInsights {
    return withSummary({
      items: counts.done,
      failed: counts.failed,
      durationMs: this.#beganAt === undefined ? 0 : (this.#endedAt ?? performance.now()) - this.#beganAt,
      waiting: spreadOf(this.#waiting),
      running: spreadOf(this.#running),
      transit: spreadOf(this.#transit),
      slowest: this.#slowest.all,
      ...this.#processes.read(),
      chunks: {
        jobs: this.#jobs,
        smallest: this.#jobs === 0 ? 0 : this.#smallest,
        largest: this.#largest,
        why: why ?? "not packed by this call",
      },
    });
  }
}

function spreadOf(times: TimeSketch): TimeSpread | undefined {
  const { items, sumMs, maxMs } = times;
  if (items === 0) return undefined;
  const [p50Ms = 0, p90Ms = 0, p99Ms = 0] = times.percentiles(0.5, 0.9, 0.99);
  return { meanMs: sumMs / items, p50Ms, p90Ms, p99Ms, maxMs };
}

/** The insights of a call that was refused and so has no map. */
export function noInsights(): MapInsights {
  return new InsightLog().read(NO_PROGRESS);
}
