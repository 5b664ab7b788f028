/**
 * Renews the locks of the jobs that this machine holds. BullMQ's own renewal compares wall-clock times, and a clock
 * that steps back stops it; a timer does not care about the wall clock.
 */

import { clearInterval, setInterval } from "node:timers";

import type { Logger } from "pino";

import { repeatWhenAnswered } from "@poolmq/shared/internal";

import type { ThrottledLog } from "../log/throttled-log.ts";

/** Extends locks; gives the ids of jobs whose lock this machine no longer has. */
export type ExtendLocks = (jobIds: string[], tokens: string[], durationMs: number) => Promise<string[]>;

export class Locks {
  readonly #extend: ExtendLocks;
  readonly #durationMs: number;
  readonly #log: Pick<Logger, "warn">;
  readonly #refusals: Pick<ThrottledLog, "refused">;
  /** Token of the lock by id of the job. */
  readonly #held = new Map<string, string>();
  /** Those whose lock has expired, with the token that they had then, so that each is logged and counted once. */
  readonly #lost = new Map<string, string>();
  readonly #renewal: { stop(): void };
  readonly #lateness: NodeJS.Timeout;
  /** How many locks expired before they were renewed, so that another machine may have taken the job. */
  lost = 0;

  constructor(
    extend: ExtendLocks,
    durationMs: number,
    log: Pick<Logger, "warn">,
    refusals: Pick<ThrottledLog, "refused">,
  ) {
    this.#extend = extend;
    this.#durationMs = durationMs;
    this.#log = log;
    this.#refusals = refusals;
    // Renewed three times within its duration: two renewals may be late or refused before the lock expires.
    const everyMs = durationMs / 3;
    this.#renewal = repeatWhenAnswered(everyMs, async () => await this.#renew());
    this.#lateness = this.#watchLateness(everyMs);
  }

  hold(jobId: string, token: string): void {
    this.#held.set(jobId, token);
  }

  /** A job that was handed back may be here again already, with another token. */
  release(jobId: string, token: string): void {
    if (this.#held.get(jobId) === token) this.#held.delete(jobId);
    if (this.#lost.get(jobId) === token) this.#lost.delete(jobId);
  }

  close(): void {
    this.#renewal.stop();
    clearInterval(this.#lateness);
  }

  async #renew(): Promise<void> {
    if (this.#held.size === 0) return;
    const asked = new Map(this.#held);
    try {
      const lost = await this.#extend([...asked.keys()], [...asked.values()], this.#durationMs);
      // Another machine may run these now. The outcome that is published first counts; the other one is dropped.
      this.#note(lost.map((jobId) => [jobId, asked.get(jobId) ?? ""]));
    } catch (error) {
      this.#refusals.refused("locks not renewed", error, { jobs: asked.size });
    }
  }

  /** A lock that is lost is reported lost at every renewal, as long as its job is in hand. */
  #note(lost: readonly (readonly [jobId: string, token: string])[]): void {
    const news = lost.filter(
      ([jobId, token]) => this.#held.get(jobId) === token && this.#lost.get(jobId) !== token,
    );
    if (news.length === 0) return;
    for (const [jobId, token] of news) this.#lost.set(jobId, token);
    this.lost += news.length;
    this.#log.warn({ jobs: news.map(([jobId]) => jobId) }, "locks lost");
  }

  /** A supervisor never computes for long: if its timer is late, the machine was overloaded or frozen. */
  #watchLateness(everyMs: number): NodeJS.Timeout {
    let due = performance.now() + everyMs;
    return setInterval(() => {
      const lateMs = Math.round(performance.now() - due);
      due = performance.now() + everyMs;
      if (lateMs > everyMs) this.#log.warn({ lateMs }, "machine overloaded: locks are renewed late");
    }, everyMs);
  }
}
