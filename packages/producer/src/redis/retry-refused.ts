/** Repeats commands that Redis refuses for now. */

import { setTimeout as delay } from "node:timers/promises";

import { classifyRefusal, refusedError } from "@poolmq/shared/internal";

const FIRST_DELAY_MS = 20;
const MAX_DELAY_MS = 1_000;

/** Waits 20 ms, 40 ms, … up to 1 s. */
export function refusalDelays(): { next(): Promise<void> } {
  let ms = FIRST_DELAY_MS;
  return {
    async next() {
      await delay(ms);
      ms = Math.min(ms * 2, MAX_DELAY_MS);
    },
  };
}

/**
 * Repeats a command until Redis takes it, as long as the caller still wants it.
 *
 * @throws RedisRefusedError for a refusal that does not pass; the last refusal, once the caller does not want it any more
 */
export async function untilTaken<V>(
  ask: () => Promise<V>,
  { isWanted, onRefused }: { readonly isWanted: () => boolean; readonly onRefused: (error: unknown) => void },
): Promise<V> {
  for (const delays = refusalDelays(); ;) {
    try {
      return await ask();
    } catch (error) {
      if (!isWanted() || !classifyRefusal(error).passes) throw refusedError(error);
      onRefused(error);
    }
    await delays.next();
  }
}
