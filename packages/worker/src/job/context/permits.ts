/** Takes permits for jobs with a limit, gives them back, and calls those in line when a rate allows more to start. */

import { clearTimeout, setTimeout } from "node:timers";

import { settlesWithin } from "@poolmq/shared/internal";
import type { JobData, Limit, TaskInfo } from "@poolmq/shared/internal";
import type { LimitScripts } from "@poolmq/shared/redis";

import type { ThrottledLog } from "../../log/throttled-log.ts";
import type { QueuedJob } from "../../queue/begun-jobs.ts";
import type { Locks } from "../../queue/locks.ts";
import type { RunEnd } from "../../runs/run.ts";

/** A question that Redis refused is asked again after this long, in ms. */
const ASK_AGAIN_MS = 500;

interface LimitedJob {
  readonly job: Pick<QueuedJob, "id" | "name">;
  readonly data: JobData;
  /** Token of its lock. */
  readonly token: string;
}

export class Permits {
  readonly #scripts: LimitScripts;
  readonly #locks: Pick<Locks, "hold" | "release">;
  readonly #log: Pick<ThrottledLog, "refused">;
  readonly #draining: Promise<void>;
  /** Timers that call those in line, by key of the limit. */
  readonly #calls = new Map<string, NodeJS.Timeout>();

  /** @param draining - resolves once the machine takes nothing new */
  constructor(
    scripts: LimitScripts,
    locks: Pick<Locks, "hold" | "release">,
    log: Pick<ThrottledLog, "refused">,
    draining: Promise<void>,
  ) {
    this.#scripts = scripts;
    this.#locks = locks;
    this.#log = log;
    this.#draining = draining;
  }

  /**
   * Runs a job with a permit of its limit.
   *
   * @param starts - how many starts it counts as: a batch task is called once for all of its items
   * @returns how the run ended; "put off" if there is no permit: the job has left this machine, and is in line for one
   */
  async run(
    { job, token }: LimitedJob,
    limit: Limit,
    starts: number,
    begin: () => Promise<RunEnd>,
  ): Promise<RunEnd | "put off"> {
    const id = job.id ?? "";
    // A job that is put off has no lock to renew, and must not be reported as one that lost its lock.
    this.#locks.release(id, token);
    const taken = await this.#ask(() => this.#scripts.take(id, token, limit, starts));
    if (taken === undefined) return "put off";
    this.#callLater(limit.key, taken.callAfterMs);
    if (taken.may !== "run") return "put off";
    this.#locks.hold(id, token);
    const end = await begin();
    const unstarted = end.kind === "unstarted" ? starts : 0;
    if (taken.holds || unstarted > 0) this.#give(id, limit, unstarted);
    return end;
  }

  /** Gives up the place in line of a job that is not run. */
  leave({ job }: Pick<LimitedJob, "job">, limit: Limit): void {
    this.#give(job.id ?? "", limit, 0);
  }

  #give(jobId: string, { key }: Limit, unstarted: number): void {
    this.#follow(key, () => this.#scripts.give(jobId, key, unstarted));
  }

  #callLater(key: string, afterMs: number | undefined): void {
    if (afterMs === undefined) return;
    clearTimeout(this.#calls.get(key));
    const timer = setTimeout(() => {
      this.#calls.delete(key);
      this.#follow(key, () => this.#scripts.call(key));
    }, afterMs);
    this.#calls.set(key, timer.unref());
  }

  /** Does not wait for the answer. If none comes, the first job in line comes back by itself. */
  #follow(key: string, question: () => Promise<number | undefined>): void {
    question().then(
      (callAfterMs) => this.#callLater(key, callAfterMs),
      (error: unknown) => this.#log.refused("could not report the end of a job to its limit", error, { key }),
    );
  }

  /** `undefined` if the machine ends before Redis answers; the job's lock then expires, and another machine gets it. */
  async #ask<V>(question: () => Promise<V>): Promise<V | undefined> {
    for (;;) {
      try {
        return await question();
      } catch (error) {
        this.#log.refused("no permit taken, trying again", error);
      }
      if (await settlesWithin(ASK_AGAIN_MS, this.#draining)) return undefined;
    }
  }
}

/** The limit under which a job runs: that of the call or the pool, else that of the task's definition. */
export function limitOf(
  { job, data }: Pick<LimitedJob, "job" | "data">,
  tasks: Readonly<Record<string, TaskInfo>>,
): Limit | undefined {
  return data.limit ?? (Object.hasOwn(tasks, job.name) ? tasks[job.name]?.limit : undefined);
}
