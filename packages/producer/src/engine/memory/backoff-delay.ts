import type { Backoff } from "@poolmq/shared";
import { MAX_TIMER_MS } from "@poolmq/shared/internal";

/**
 * How long to wait after attempt number `attempt` failed, in ms: the same as BullMQ for a job with this back-off.
 *
 * @param random - gives a number in [0, 1)
 */
export function backoffDelayMs(
  { type, delayMs, jitter = 0 }: Backoff,
  attempt: number,
  random: () => number = Math.random,
): number {
  // With a longer time, a timer fires at once.
  const longest = Math.min(
    type === "exponential" ? Math.round(2 ** (attempt - 1) * delayMs) : delayMs,
    MAX_TIMER_MS,
  );
  return jitter === 0 ? longest : Math.floor(random() * longest * jitter + longest * (1 - jitter));
}
