/** The rule that says which runs are charged when a host ends unexpectedly. */

import type { Payload } from "@poolmq/shared/task";

import type { Ticket } from "./run.ts";
import type { SentRun } from "./sent-runs.ts";

/** What a host said about its end before it ended. */
export interface LastWords {
  /** The run and the item in whose async context it happened, if that is known. The run may have ended long ago. */
  readonly id: number | undefined;
  readonly offset: number | undefined;
  /** What was thrown, if something was. */
  readonly thrown: Payload | undefined;
  /** poolmq's own code failed or was kept from running, because a task had damaged the host before. */
  readonly isOwn?: boolean;
}

/**
 * - `charged`: the run took its host down.
 * - `interrupted`: an item of the run that already has its outcome took the host down. The other items run again and are
 *   not charged.
 * - `back`: the run is to run elsewhere as if it had never been on this host.
 */
export type Charge = "charged" | "interrupted" | "back";

/** A run that was on this many hosts when poolmq's own code failed there is taken for the cause. */
export const MAX_SUSPICIONS = 4;

/** Notes, before it is decided on a run, that a task before it may have kept it from ending, or from ending in time. */
export function suspect(ticket: Ticket, lastWords: LastWords | undefined): void {
  if (lastWords?.isOwn !== true) return;
  if (ticket.begun) ticket.suspicions++;
  if (lastWords.id !== undefined && ticket.stopped === "timeout") ticket.stopped = undefined;
}

/**
 * @param hasWorked - the host has answered a run, so that its module works
 * @param hasBegun - the host has begun one of the runs that it was sent
 */
export function chargeOf(
  sent: SentRun,
  lastWords: LastWords | undefined,
  hasWorked: boolean,
  hasBegun = false,
): Charge {
  const { ticket, id } = sent;
  if (lastWords?.id !== undefined) {
    if (lastWords.id !== id) return "back";
    return lastWords.offset !== undefined && ticket.outcomes.has(lastWords.offset)
      ? "interrupted"
      : "charged";
  }
  // On a fresh host, the running task must be the cause. On a host that has worked, an earlier task may be, but not again
  // and again for the same run.
  if (lastWords?.isOwn === true && hasWorked && ticket.suspicions < MAX_SUSPICIONS) return "back";
  if (ticket.begun) return "charged";
  // If a host never began a run, the one that it was to run first is charged: otherwise a module that ends its process
  // by itself would be started for ever.
  return ticket.running && !hasWorked && !hasBegun ? "charged" : "back";
}
