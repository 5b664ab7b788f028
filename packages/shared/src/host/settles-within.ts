import { clearTimeout, setTimeout } from "node:timers";

/** The longest time that a timer can wait, in ms. Node treats a longer one as 1 ms. */
export const MAX_TIMER_MS: number = 2 ** 31 - 1;

/**
 * Waits for the promise to settle, but no longer than `ms`; tells whether it fulfilled. For steps of a shutdown, which
 * has a deadline: a step that fails or hangs must not keep the next one from being taken.
 */
export async function settlesWithin(ms: number, promise: Promise<unknown> | undefined): Promise<boolean> {
  if (promise === undefined) return true;
  const { promise: timeout, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(resolve, Math.min(ms, MAX_TIMER_MS), false);
  const settled = promise.then(
    () => true,
    () => false,
  );
  try {
    return await Promise.race([settled, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
