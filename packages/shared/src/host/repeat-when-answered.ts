import { clearInterval, setInterval } from "node:timers";

/**
 * Calls `step` every `everyMs`, but not while the last call is still waiting for its answer. What a timer sends to a
 * Redis that is away would otherwise pile up in memory, and all arrive at once when it is back. Rejections are ignored:
 * a step must report its own failure.
 */
export function repeatWhenAnswered(everyMs: number, step: () => Promise<unknown>): { stop(): void } {
  let isOwed = false;
  const timer = setInterval(() => {
    if (isOwed) return;
    isOwed = true;
    const answered = (): void => void (isOwed = false);
    step().then(answered, answered);
  }, everyMs);
  return { stop: () => clearInterval(timer) };
}
