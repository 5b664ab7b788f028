/**
 * When a host that ended is replaced. One that had worked is replaced at once. One that never got so far must not be
 * restarted in a tight loop: the wait doubles with each such start, until a host works.
 */

import { clearTimeout, setTimeout } from "node:timers";

import type { HostExit } from "../host/host.ts";

const FIRST_DELAY_MS = 100;
const MAX_DELAY_MS = 5_000;

/** After so many starts that ended by SIGKILL, the module itself may be the cause, for example by the memory that it takes. */
const MAX_KILLED_STARTS = 3;

export class RestartPolicy {
  readonly #timers = new Set<NodeJS.Timeout>();
  #failedStarts = 0;
  /** Starts that SIGKILL has ended, since a host was last ready. */
  #killedStarts = 0;

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
   * Whether the module is to blame for the end of a host that was never ready. A SIGKILL from outside does not say so,
   * unless it comes at every start.
   *
   * @param knownError - the host has said why it can't start, or it is known otherwise
   */
  blamesModule({ signal, outOfMemory }: HostExit, knownError: boolean): boolean {
    if (signal !== "SIGKILL" || outOfMemory || knownError) return true;
    return ++this.#killedStarts >= MAX_KILLED_STARTS;
  }
}
