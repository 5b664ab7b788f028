import { setTimeout as delay } from "node:timers/promises";

import { classifyRefusal } from "./refusal.ts";

/** As long as a connection is tried for by default, in ms. */
const PATIENCE_MS = 10_000;
const ASK_AGAIN_MS = 200;

/**
 * Repeats a question at the start of a program while the server refuses it for now, as it does while a script keeps it busy: this
 * is waited for as a connection is that does not stand yet. Throws what the server said last.
 *
 * @param patienceMs - how long to wait, in ms
 */
export async function untilNotRefused<V>(
  ask: () => Promise<V>,
  patienceMs: number = PATIENCE_MS,
): Promise<V> {
  for (const until = performance.now() + patienceMs; ; await delay(ASK_AGAIN_MS)) {
    try {
      return await ask();
    } catch (error) {
      const { passes, reason } = classifyRefusal(error);
      // Whoever opened the connection sees to it that it is opened again, or that nobody waits for it any more.
      if (!passes || reason === "connection" || performance.now() > until) throw error;
    }
  }
}
