/** Publishes outcomes: those that finish in one turn of the event loop go to Redis in one script per map. */

import { isForeignKey } from "@poolmq/shared/task";
import type { GatherScripts, Outcome } from "@poolmq/shared/internal";

import type { ThrottledLog } from "../log/throttled-log.ts";

interface Pending {
  readonly outcomes: Outcome[];
  readonly ttlMs: number;
  readonly settled: PromiseWithResolvers<boolean>;
}

/** A refused publish (Redis is full, say) is tried again after 50 ms, 100 ms, … up to this. */
const MAX_RETRY_DELAY_MS = 1_000;

export class Publisher {
  readonly #scripts: GatherScripts;
  readonly #log: Pick<ThrottledLog, "warn">;
  #pending = new Map<string, Pending>();
  readonly #retries = new Set<() => void>();
  /** How often Redis refused outcomes, which were then tried again. */
  retries = 0;
  #closed = false;

  constructor(scripts: GatherScripts, log: Pick<ThrottledLog, "warn">) {
    this.#scripts = scripts;
    this.#log = log;
  }

  /** Resolves once the outcome is safe in Redis: true, or false if nobody wants this map's outcomes any more. */
  publish(mapId: string, outcome: Outcome, ttlMs: number): Promise<boolean> {
    let pending = this.#pending.get(mapId);
    if (pending === undefined) {
      if (this.#pending.size === 0) setImmediate(this.#flush);
      pending = { outcomes: [], ttlMs, settled: Promise.withResolvers() };
      this.#pending.set(mapId, pending);
    }
    pending.outcomes.push(outcome);
    return pending.settled.promise;
  }

  /** Gives up on what Redis did not take yet: the jobs stay unacknowledged, and run again elsewhere. */
  close(): void {
    this.#closed = true;
    for (const wake of this.#retries) wake();
  }

  readonly #flush = (): void => {
    const pending = this.#pending;
    this.#pending = new Map();
    for (const [mapId, { outcomes, ttlMs, settled }] of pending) {
      void this.#send(mapId, outcomes, ttlMs).then(settled.resolve, settled.reject);
    }
  };

  async #send(mapId: string, outcomes: readonly Outcome[], ttlMs: number): Promise<boolean> {
    for (let delayMs = 50; ; delayMs = Math.min(delayMs * 2, MAX_RETRY_DELAY_MS)) {
      try {
        return await this.#scripts.publish(mapId, outcomes, ttlMs);
      } catch (error) {
        // What can never be published must not hold its job for ever. The producer finds it out by itself.
        if (this.#closed || isForeignKey(error)) throw error;
        this.retries++;
        // Out of memory, loading, read-only: all pass. The result is in hand, so it is worth waiting with it.
        const facts = (): object => ({ mapId, outcomes: outcomes.length, err: error });
        this.#log.warn("publish refused", facts, "publish refused, trying again");
        await this.#pause(delayMs);
      }
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        this.#retries.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, ms);
      this.#retries.add(wake);
    });
  }
}
