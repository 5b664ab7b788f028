/**
 * Takes a step every so often, but not while the last one is unanswered: what a timer sends to a Redis that is away would
 * pile up in memory, and all arrive at once when it is back. A step that rejects must have told of it itself.
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
