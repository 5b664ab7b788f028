/** Measures how long the answer to a run was on its way, where both ends are on one machine. */

import type { FromChild } from "./pipe-messages.ts";

const { performance } = globalThis;
const now = performance.now.bind(performance);

/** Add this to `performance.now()` of this thread to get the clock that all threads and processes share. */
const OFFSET_MS = sharedMs() - now();

/** The clock that all threads and processes of a machine share, in ms. */
export function monotonicMs(): number {
  return now() + OFFSET_MS;
}

function sharedMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1_000 + nanoseconds / 1_000_000;
}

/** Gives a message that has just come, with its transit time if its sender said when it was sent. */
export function withTransit(message: FromChild): FromChild {
  if (message.t !== "done" || message.endedAt === undefined) return message;
  // The message is changed in place, because a copy for each run would cost measurable time.
  (message as { transitMs?: number }).transitMs = monotonicMs() - message.endedAt;
  return message;
}
