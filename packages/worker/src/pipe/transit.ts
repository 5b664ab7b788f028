/** How long the answer to a run was on its way, where both ends are on one machine. */

import type { FromChild } from "./pipe-messages.ts";

const { performance } = globalThis;
const now = performance.now.bind(performance);

/** What `performance.now()` of this thread is short of the clock that all share. */
const OFFSET_MS = sharedMs() - now();

/** The one clock that all threads and processes of a machine share, in ms. */
export function monotonicMs(): number {
  return now() + OFFSET_MS;
}

function sharedMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1_000 + nanoseconds / 1_000_000;
}

/** Gives a message that has just come, with what it took if its sender said when it was sent. */
export function withTransit(message: FromChild): FromChild {
  if (message.t !== "done" || message.endedAt === undefined) return message;
  // It was made for us: a copy for each run is felt.
  (message as { transitMs?: number }).transitMs = monotonicMs() - message.endedAt;
  return message;
}
