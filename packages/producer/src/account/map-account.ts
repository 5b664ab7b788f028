/** All that is counted and measured of one map, behind one door. */

import { InsightLog } from "./insight-log.ts";
import type { JobTimes } from "./insight-log.ts";
import type { MapInsights } from "./map-insights.ts";
import { Pace, progressOf } from "./map-progress.ts";
import type { MapProgress } from "./map-progress.ts";

export class MapAccount {
  readonly #pace = new Pace();
  readonly #log = new InsightLog();
  #done = 0;
  #failed = 0;

  /** Items that have their outcome, failed ones included. */
  get done(): number {
    return this.#done;
  }

  begin(): void {
    this.#pace.begin();
    this.#log.begin();
  }

  /** A job came to its outcome. */
  came(job: JobTimes): void {
    this.#pace.came(job.n);
    this.#log.came(job);
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

  /** @param why - who chose the size of the chunks, and from what */
  insights(why?: string): MapInsights {
    return this.#log.read({ done: this.#done, failed: this.#failed }, why);
  }
}
