/** Options that a function's definition, the pool and the call may give. Of these three, the later one wins. */

import { checkLimit } from "./check-limit.ts";
import { checkInteger, checkMilliseconds, checkOptions } from "./check-options.ts";
import { InvalidOptionError } from "../errors/call-errors.ts";
import { inspectBriefly } from "../errors/inspect-briefly.ts";
import type { Backoff, Limit } from "../wire.ts";

/** How a task is run, by default or for one call. */
export interface TaskDefaults {
  /**
   * Items that travel as one BullMQ job: a number ≥ 1, or `"auto"`, which follows the measured run time. An item's error
   * stays its own. @defaultValue 1
   */
  readonly chunksize?: number | "auto" | undefined;
  /** How often an item that fails is tried in all, at least 1. @defaultValue 1 */
  readonly attempts?: number | undefined;
  /**
   * How long to wait before another attempt: a number of ms, or `{ type: "fixed" | "exponential", delayMs, jitter? }`.
   * @defaultValue no wait
   */
  readonly backoff?: number | Backoff | undefined;
  /**
   * How long the function may run on one item, in ms, from its start. Then its `AbortSignal` fires; if it does not stop,
   * its process is killed. @defaultValue no limit
   */
  readonly taskTimeoutMs?: number | undefined;
  /**
   * Runs no more items with the same `key` at once than `concurrency`, and starts no more in a second than
   * `ratePerSecond`, on all machines of the queue, for all calls that name the key: `{ key, concurrency?, ratePerSecond? }`.
   * Items that have to wait hold no process. With `ratePerSecond`, each item is a job of its own, whatever `chunksize`
   * says. @defaultValue no limit
   */
  readonly limit?: Limit | undefined;
}

export const TASK_DEFAULTS: readonly (keyof TaskDefaults)[] = [
  "chunksize",
  "attempts",
  "backoff",
  "taskTimeoutMs",
  "limit",
];

/** `TaskDefaults`, checked: what is absent was not given. */
export interface CheckedTaskDefaults {
  readonly chunksize?: number | "auto";
  readonly attempts?: number;
  readonly backoff?: Backoff;
  readonly taskTimeoutMs?: number;
  readonly limit?: Limit;
}

/** Checks these options and gives those that are set. @throws InvalidOptionError */
export function checkTaskDefaults(options: TaskDefaults): CheckedTaskDefaults {
  const { chunksize, attempts, backoff, taskTimeoutMs } = options;
  const limit = checkLimit(options.limit);
  return {
    ...(chunksize === undefined ? {} : { chunksize: checkChunksize(chunksize) }),
    ...(attempts === undefined ? {} : { attempts: checkInteger("attempts", attempts, { min: 1 }) }),
    ...(backoff === undefined ? {} : { backoff: checkBackoff(backoff) }),
    ...(taskTimeoutMs === undefined
      ? {}
      : { taskTimeoutMs: checkMilliseconds("taskTimeoutMs", taskTimeoutMs, { min: 1 }) }),
    ...(limit === undefined ? {} : { limit }),
  };
}

function checkChunksize(chunksize: unknown): number | "auto" {
  return chunksize === "auto" ? chunksize : checkInteger("chunksize", chunksize, { min: 1 }, ' or "auto"');
}

/** A year. The job waits in Redis, so that the limit of timers does not apply. */
const BACKOFF_MS = { min: 0, max: 365 * 24 * 60 * 60_000 } as const;

function checkBackoff(backoff: unknown): Backoff {
  if (typeof backoff === "number") {
    return { type: "fixed", delayMs: checkInteger("backoff", backoff, BACKOFF_MS) };
  }
  if (typeof backoff === "object" && backoff !== null) {
    checkOptions(backoff, "`backoff` option", ["type", "delayMs", "jitter"]);
    const { type, delayMs: delay, jitter = 0 } = backoff as Partial<Backoff>;
    if (type === "fixed" || type === "exponential") {
      const delayMs = checkInteger("backoff.delayMs", delay, BACKOFF_MS);
      if (typeof jitter === "number" && jitter >= 0 && jitter <= 1) return { type, delayMs, jitter };
      throw new InvalidOptionError(
        `Expected \`backoff.jitter\` to be a number from 0 to 1, got ${inspectBriefly(jitter)}`,
      );
    }
  }
  throw new InvalidOptionError(
    `Expected \`backoff\` to be a number of ms or { type: "fixed" | "exponential", delayMs, jitter? }, got ${inspectBriefly(backoff)}`,
  );
}
