/** Everything that is counted and measured of one map. */

import type { TimeSketch } from "@poolmq/shared/internal";

import { InsightLog } from "./insight-log.ts";
import type { JobTimes } from "./insight-log.ts";
import type { MapInsights } from "./map-insights.ts";
import { Pace, progressOf } from "./map-progress.ts";
import type { MapProgress } from "./map-progress.ts";

/** What is reported of a map to watchers, in addition to its progress. */
export interface Measured {
  /** How long its items ran. */
  readonly times: TimeSketch;
  /** Number of jobs that got their outcome. */
  readonly jobs: number;
  /** How long ago an item last got its outcome, in ms; if none has, how long ago the first was sent. */
  readonly quietMs: number;
}

export class MapAccount {
  readonly #pace = new Pace();
  readonly #log = new InsightLog();
  #done = 0;
  #failed = 0;
  #cameAt: number | undefined;

  /** Items that have their outcome, failed ones included. */
  get done(): number {
    return this.#done;
  }

  begin(): void {
    this.#cameAt ??= performance.now();
    this.#pace.begin();
    this.#log.begin();
  }

  /** Counts a job that got its outcome. */
  came(job: JobTimes): void {
    this.#cameAt = performance.now();
    this.#pace.came(job.n);
    this.#log.came(job);
  }

  /** Counts a backup of a chunk. */
  backedUp(): void {
    this.#log.backedUp();
  }

  /** Counts items that succeeded. */
  succeeded(items: number): void {
    this.#done += items;
  }

  /** Counts an item that failed. */
  failed(): void {
    this.#done++;
    this.#failed++;
  }

  /** Notes that the map has ended, after which nothing changes. */
  end(): void {
    this.#pace.end();
    this.#log.end();
  }

  progress(now: Pick<MapProgress, "total" | "running" | "ended">): MapProgress {
    return progressOf({ ...now, done: this.#done, failed: this.#failed }, this.#pace);
  }

  get measured(): Measured {
    const quietMs = this.#cameAt === undefined ? 0 : performance.now() - this.#cameAt;
    return { times: this.#log.running, jobs: this.#log.jobs, quietMs };
  }

  /** @param why - who chose the size of the chunks, and from what */
  insights(why?: string): MapInsights {
    return this.#log.read({ done: this.#done, failed: this.#failed }, why);
  }
}
