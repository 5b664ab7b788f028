/**
 * Renews the locks of the jobs that this machine holds. BullMQ's own renewal compares wall-clock times, and a clock
 * that steps back stops it; a timer does not care about the wall clock.
 */

import type { Logger } from "pino";

/** Extends locks; gives the ids of jobs whose lock is no longer ours. */
export type ExtendLocks = (jobIds: string[], tokens: string[], durationMs: number) => Promise<string[]>;

export class Locks {
  readonly #held = new Map<string, string>();
  /** How many locks expired before they were renewed, so that another machine may have taken the job. */
  lost = 0;
  readonly #timer: NodeJS.Timeout;

  constructor(extend: ExtendLocks, lockDurationMs: number, log: Logger) {
    const everyMs = lockDurationMs / 3;
    let due = performance.now() + everyMs;
    // Three tries a lock: two may be late or refused before it expires.
    this.#timer = setInterval(() => {
      const lateMs = performance.now() - due;
      due = performance.now() + everyMs;
      // A supervisor does nothing long: if it is late, the machine had no time for it, or was frozen.
      if (lateMs > everyMs)
        log.warn({ lateMs: Math.round(lateMs) }, "machine overloaded: locks are renewed late");
      if (this.#held.size === 0) return;
      extend([...this.#held.keys()], [...this.#held.values()], lockDurationMs).then(
        (lost) => {
          // Somebody else runs these now. Whoever publishes first decides; the other outcome is dropped.
          this.lost += lost.length;
          if (lost.length > 0) log.warn({ jobs: lost }, "locks lost");
        },
        (error: unknown) => log.warn({ err: error, jobs: this.#held.size }, "locks not renewed"),
      );
    }, everyMs);
  }

  hold(jobId: string, token: string): void {
    this.#held.set(jobId, token);
  }

  /** A job that was handed back may be here again already, with another token. */
  release(jobId: string, token: string): void {
    if (this.#held.get(jobId) === token) this.#held.delete(jobId);
  }

  close(): void {
    clearInterval(this.#timer);
  }
}
