/** Publishes outcomes: those that finish in one turn of the event loop go to Redis in one script per map. */

import { clearTimeout, setImmediate, setTimeout } from "node:timers";

import { isWrongType } from "@poolmq/shared/task";
import type { GatherScripts, Outcome } from "@poolmq/shared/redis";

import type { ThrottledLog } from "../log/throttled-log.ts";

interface Pending {
  readonly mapId: string;
  readonly outcomes: Outcome[];
  readonly ttlMs: number;
  readonly settled: PromiseWithResolvers<boolean>;
  bytes: number;
}

/**
 * Outcomes of more bytes than this together go to Redis in several commands, so that it serves other clients in between.
 */
const MAX_BATCH_BYTES = 8 * 1024 * 1024;

/** A refused publish, for example because Redis is full, is tried again after 50 ms, 100 ms, … up to this. */
const MAX_RETRY_DELAY_MS = 1_000;

export class Publisher {
  readonly #scripts: GatherScripts;
  readonly #log: Pick<ThrottledLog, "refused">;
  readonly #maxBatchBytes: number;
  #pending: Pending[] = [];
  /** By map: the last pending batch. */
  readonly #open = new Map<string, Pending>();
  readonly #retries = new Set<() => void>();
  /** Those that were sent, and of which Redis has not said that it has them. */
  readonly #sent = new Set<readonly Outcome[]>();
  /** How often Redis refused outcomes, which were then tried again. */
  retries = 0;
  #closed = false;

  constructor(
    scripts: GatherScripts,
    log: Pick<ThrottledLog, "refused">,
    maxBatchBytes: number = MAX_BATCH_BYTES,
  ) {
    this.#scripts = scripts;
    this.#log = log;
    this.#maxBatchBytes = Math.min(maxBatchBytes, MAX_BATCH_BYTES);
  }

  /** Resolves once the outcome is safe in Redis: true, or false if nobody wants this map's outcomes any more. */
  publish(mapId: string, outcome: Outcome, ttlMs: number): Promise<boolean> {
    const bytes = outcome.text.length + (outcome.bytes?.length ?? 0);
    let pending = this.#open.get(mapId);
    if (pending === undefined || pending.bytes + bytes > this.#maxBatchBytes) {
      if (this.#pending.length === 0) setImmediate(this.#flush);
      pending = { mapId, outcomes: [], ttlMs, settled: Promise.withResolvers(), bytes: 0 };
      this.#pending.push(pending);
      this.#open.set(mapId, pending);
    }
    pending.outcomes.push(outcome);
    pending.bytes += bytes;
    return pending.settled.promise;
  }

  /** The same, by a step that also completes the outcome's job. Rejects for the reasons for which `publish` does. */
  async publishBy(step: () => Promise<boolean>, mapId: string, outcome: Outcome): Promise<boolean> {
    return await this.#untilSafe(mapId, [outcome], step);
  }

  /** How long the longest run took whose outcome may not be in Redis yet, in ms. */
  get longestUnsafeMs(): number {
    return Math.max(0, ...[...this.#sent].flatMap((outcomes) => outcomes.map(({ ms }) => ms)));
  }

  /** Gives up on what Redis did not take yet: the jobs stay unacknowledged, and run again elsewhere. */
  close(): void {
    this.#closed = true;
    for (const wake of this.#retries) wake();
  }

  readonly #flush = (): void => {
    const pending = this.#pending;
    this.#pending = [];
    this.#open.clear();
    for (const { mapId, outcomes, ttlMs, settled } of pending) {
      const publish = (): Promise<boolean> => this.#scripts.publish(mapId, outcomes, ttlMs);
      void this.#untilSafe(mapId, outcomes, publish).then(settled.resolve, settled.reject);
    }
  };

  async #untilSafe(
    mapId: string,
    outcomes: readonly Outcome[],
    publish: () => Promise<boolean>,
  ): Promise<boolean> {
    const facts = { mapId, outcomes: outcomes.length };
    this.#sent.add(outcomes);
    try {
      return await this.untilTaken("publish refused, trying again", facts, publish);
    } finally {
      this.#sent.delete(outcomes);
    }
  }

  /**
   * Asks Redis until it takes what it refuses for now, or until this machine ends.
   *
   * @param isFinal - whether another try is useless. An outcome that can never be written must not hold its job for ever;
   * the producer then finds the item missing
   */
  async untilTaken<V>(
    message: string,
    facts: object,
    ask: () => Promise<V>,
    isFinal: (error: unknown) => boolean = isWrongType,
  ): Promise<V> {
    for (let delayMs = 50; ; delayMs = Math.min(delayMs * 2, MAX_RETRY_DELAY_MS)) {
      try {
        return await ask();
      } catch (error) {
        if (this.#closed || isFinal(error)) throw error;
        this.retries++;
        // Redis is out of memory, loading or read-only. All of these pass, so the outcome is kept and tried again.
        this.#log.refused(message, error, facts);
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
