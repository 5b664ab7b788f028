/** What Redis refuses for now, it takes later: errors that pass, and asking until they have. */

import { setTimeout as delay } from "node:timers/promises";

/** These pass by themselves; anything else that Redis refuses stays refused. */
const PASSING =
  /^(OOM|LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|BUSY|MISCONF|NOREPLICAS|UNBLOCKED|NOSCRIPT)/;

/** Redis 6.2 wraps what happens within a script. */
const PASSING_IN_SCRIPT =
  /^ERR Error running script .* -?(OOM|LOADING|READONLY|MASTERDOWN|MISCONF|NOREPLICAS)/s;

/** Of ioredis and Node. A pipeline that was cut off in the middle is "aborted": unlike single commands, it is not sent again. */
const CONNECTION =
  /^(Connection is closed|Command timed out|Command aborted due to connection close|Socket timeout|Stream isn't writeable)|ECONN|EPIPE|ENOENT|ETIMEDOUT/;

const FIRST_DELAY_MS = 20;
const MAX_DELAY_MS = 1_000;

/** Whether Redis may take it later. */
export function passes(error: unknown): boolean {
  const message = error instanceof Error ? error.message : String(error);
  return PASSING.test(message) || PASSING_IN_SCRIPT.test(message) || CONNECTION.test(message);
}

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
 * Asks until Redis takes it, as long as somebody wants to know.
 *
 * @throws what does not pass; the last refusal, once nobody wants to know any more
 */
export async function untilTaken<V>(
  ask: () => Promise<V>,
  { isWanted, onRefused }: { readonly isWanted: () => boolean; readonly onRefused: (error: unknown) => void },
): Promise<V> {
  for (const delays = refusalDelays(); ;) {
    try {
      return await ask();
    } catch (error) {
      if (!isWanted() || !passes(error)) throw error;
      onRefused(error);
    }
    await delays.next();
  }
}
