/** All that is counted and measured of one map, behind one door. */

import type { TimeSketch } from "@poolmq/shared/internal";

import { InsightLog } from "./insight-log.ts";
import type { JobTimes } from "./insight-log.ts";
import type { MapInsights } from "./map-insights.ts";
import { Pace, progressOf } from "./map-progress.ts";
import type { MapProgress } from "./map-progress.ts";

/** What is told of a map to those who watch the queue, beside how far it is. */
export interface Measured {
  /** How long its items ran. */
  readonly times: TimeSketch;
  /** Number of jobs that came to their outcome. */
  readonly jobs: number;
  /** For how long no item has come to its outcome, in ms; since the first was handed on, if none has. */
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

  /** A job came to its outcome. */
  came(job: JobTimes): void {
    this.#cameAt = performance.now();
    this.#pace.came(job.n);
    this.#log.came(job);
  }

  /** A chunk was started once more, because it ran for long. */
  backedUp(): void {
    this.#log.backedUp();
  }

  /** So many items have succeeded. */
  succeeded(items: number): void {
    this.#done += items;
  }

  /** An item has failed. */
  failed(): void {
    this.#done++;
    this.#failed++;
  }

  /** The map has ended: nothing changes any more. */
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
