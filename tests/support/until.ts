import { setTimeout as delay } from "node:timers/promises";

export interface UntilOptions {
  /** The awaited state, for the message, such as "the worker to be gone". */
  readonly what: string;
  /** @defaultValue 10_000 */
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
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const value = await condition();
    if (value !== false && value !== undefined && value !== null) {
      return value as Exclude<T, false | undefined | null>;
    }
    if (performance.now() > deadline) throw new Error(`Waited ${timeoutMs} ms in vain for ${what}`);
    await delay(everyMs);
  }
}

/** Gives the promise's value, or fails after `timeoutMs` with a message that names it, as `what` tells then. */
export async function within<T>(
  timeoutMs: number,
  what: string | { toString(): string },
  promise: PromiseLike<T>,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () => reject(new Error(`Waited ${timeoutMs} ms in vain for ${String(what)}`)),
      timeoutMs,
    );
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
