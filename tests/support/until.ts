import { availableParallelism, loadavg } from "node:os";
import { setTimeout as delay } from "node:timers/promises";

/** A limit grows at most by this factor, so that a hang fails the test before Vitest's own limit for it does. */
const MOST_CROWDED = 3;

export interface UntilOptions {
  /** The awaited state, for the message, such as "the worker to be gone". */
  readonly what: string;
  /** On a computer that has a core for everyone. @defaultValue 10_000 */
  readonly timeoutMs?: number;
  /** @defaultValue 10 */
  readonly everyMs?: number;
}

/**
 * Waits until a condition gives something other than false, undefined or null, and gives that. Only for states without an
 * event, such as another process's end.
 */
export async function until<T>(
  condition: () => T | Promise<T>,
  { what, timeoutMs = 10_000, everyMs = 10 }: UntilOptions,
): Promise<Exclude<T, false | undefined | null>> {
  const limitMs = limitNow(timeoutMs);
  const deadline = performance.now() + limitMs;
  for (;;) {
    const value = await condition();
    if (value !== false && value !== undefined && value !== null) {
      return value as Exclude<T, false | undefined | null>;
    }
    if (performance.now() > deadline) throw new Error(`Waited ${limitMs} ms in vain for ${what}`);
    await delay(everyMs);
  }
}

/**
 * Gives the promise's value, or fails with a message that names it, as `what` tells then.
 *
 * @param timeoutMs - how long it may take on a computer that has a core for everyone
 */
export async function within<T>(
  timeoutMs: number,
  what: string | { toString(): string },
  promise: PromiseLike<T>,
): Promise<T> {
  const limitMs = limitNow(timeoutMs);
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`Waited ${limitMs} ms in vain for ${String(what)}`)), limitMs);
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}

/** A limit on this computer now: as many times longer as there are processes for each core, as counted in the last minute. */
function limitNow(timeoutMs: number): number {
  const perCore = (loadavg()[0] ?? 0) / availableParallelism();
  return Math.round(timeoutMs * Math.min(MOST_CROWDED, Math.max(1, perCore)));
}
