/** Four times a second: often enough to notice soon that a loop turns, too seldom to cost anything. */
const TURN_MS = 250;

/** Counts the turns of this thread's event loop, for whoever must tell whether it computes or no longer hears. */
export function countTurns(turns: Int32Array<SharedArrayBuffer>): void {
  const { add } = Atomics;
  setInterval(() => void add(turns, 0, 1), TURN_MS).unref();
}
