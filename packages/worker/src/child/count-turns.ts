/** How often to count, in ms: often enough to notice soon that the loop turns, and too seldom to cost anything. */
const TURN_MS = 250;

/**
 * Counts the turns of this thread's event loop. Another thread tells from the count whether this one still reads its
 * messages.
 */
export function countTurns(turns: Int32Array<SharedArrayBuffer>): void {
  const { add } = Atomics;
  setInterval(() => void add(turns, 0, 1), TURN_MS).unref();
}
