/**
 * How long the outcomes of a map may wait until they are read.
 *
 * If items take milliseconds, their outcomes come one by one, and each wakes up the producer and Redis, whose code is cold
 * by then: that takes a twentieth of the fleet's time on a machine that they share. While enough jobs wait in the queue
 * and nobody looks at single results, the outcomes of some time are read together.
 */

/** The longest wait, in ms. */
const MAX_MS = 100;

/** Below this, in ms, waiting would save nothing. */
const MIN_MS = 10;

/** Outcomes wait for this part of the time for which the waiting jobs last, so that others are sent well before its end. */
const PART = 1 / 4;

/** @param waitingMs - how long it takes until workers have begun all that waits */
export function patienceFor(waitingMs: number): number {
  const ms = Math.min(MAX_MS, waitingMs * PART);
  return ms < MIN_MS ? 0 : ms;
}
