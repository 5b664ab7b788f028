/**
 * When a host that ended is replaced. One that had worked is replaced at once. One that never got so far must not be
 * restarted in a tight loop: the wait doubles with each such start, until a host works.
 */

import { clearTimeout, setTimeout } from "node:timers";

import type { HostExit } from "../host/host.ts";

const FIRST_DELAY_MS = 100;
const MAX_DELAY_MS = 5_000;

/**
 * After so many starts in a row that a signal ended, the module itself is held to be the cause: it crashes in a native
 * addon, say, or takes more memory than there is.
 */
const MAX_KILLED_STARTS = 5;

/** What is known of a start that has failed. */
interface FailedStart {
  /** When the host was started, by the monotonic clock. */
  readonly startedAt: number;
  /** The host has said why it can't start, or it is known otherwise. */
  readonly hasError: boolean;
}

export class RestartPolicy {
  readonly #timers = new Set<NodeJS.Timeout>();
  #failedStarts = 0;
  /** Starts that a signal has ended, since a host was last ready. */
  #killedStarts = 0;
  /** When the last of these was counted, by the monotonic clock. */
  #countedAt = -Infinity;

  /** Number of starts that are pending. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Starts a host after the wait that is due. */
  startLater(start: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      start();
    }, this.nextDelayMs()).unref();
    this.#timers.add(timer);
  }

  /** Nothing is started any more. */
  stop(): void {
    for (const timer of this.#timers) clearTimeout(timer);
  }

  /** A host has loaded its module. */
  wasReady(): void {
    this.#killedStarts = 0;
  }

  /** A host has answered a run. */
  hasWorked(): void {
    this.#failedStarts = 0;
  }

  /** Gives how long to wait before the next start, in ms, after one that failed. */
  nextDelayMs(): number {
    return Math.min(FIRST_DELAY_MS * 2 ** this.#failedStarts++, MAX_DELAY_MS);
  }

  /**
   * Whether the module is to blame for the end of a host that was never ready. A signal may come from outside, for
   * example from a system that is short of memory for a moment: it blames the module only if it comes at every start.
   */
  blamesModule({ signal, outOfMemory }: HostExit, { startedAt, hasError }: FailedStart): boolean {
    // V8 aborts by a signal of its own when the heap is exhausted, which is no matter of chance.
    if (signal === null || hasError || (outOfMemory && signal !== "SIGKILL")) return true;
    // One event may end all hosts that are starting at the same time: of these, only the first is counted.
    if (startedAt > this.#countedAt) {
      this.#countedAt = performance.now();
      this.#killedStarts++;
    }
    return this.#killedStarts >= MAX_KILLED_STARTS;
  }
}
