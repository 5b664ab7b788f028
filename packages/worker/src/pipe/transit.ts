/** How long the answer to a run was on its way, where both ends are on one machine. */

import type { FromChild } from "./pipe-messages.ts";

const { hrtime } = process;

/** The one clock that all threads and processes of a machine share, in ms. */
export function monotonicMs(): number {
  const [seconds, nanoseconds] = hrtime();
  return seconds * 1_000 + nanoseconds / 1_000_000;
}

/** Gives a message that has just come, with what it took if its sender said when it was sent. */
export function withTransit(message: FromChild): FromChild {
  if (message.t !== "done" || message.endedAt === undefined) return message;
  return { ...message, transitMs: monotonicMs() - message.endedAt };
}
