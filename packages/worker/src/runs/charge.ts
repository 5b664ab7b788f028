/** Who is charged when a host ends unasked: a pure rule. */

import type { Payload } from "@poolmq/shared/task";

import type { SentRun } from "./sent-runs.ts";

/** What a host said about its end before it ended. */
export interface LastWords {
  /** The run and the item whose async context did it, if that is known. The run may have ended long ago. */
  readonly id: number | undefined;
  readonly offset: number | undefined;
  /** What was thrown, if something was. */
  readonly thrown: Payload | undefined;
  /** No task failed, but our own code, because of what some task had done to the host. */
  readonly isOwn?: boolean;
}

/**
 * - `charged`: it took its host down.
 * - `interrupted`: an item of it that has its outcome by now took the host down. The others run again, uncharged.
 * - `back`: it is to run elsewhere as if it had never been here.
 */
export type Charge = "charged" | "interrupted" | "back";

/** A run that was there on so many hosts when our own code failed is taken for the one that does it. */
const MAX_SUSPICIONS = 4;

/**
 * @param hasWorked - the host has answered a run: its module works
 * @param hasBegun - it has begun one of those that it was sent
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
  // What a fresh host runs did it itself; what runs later may find what another one left, but not again and again.
  if (lastWords?.isOwn === true && hasWorked && ticket.suspicions < MAX_SUSPICIONS) return "back";
  if (ticket.begun) return "charged";
  // If a host never began a run, the one that it was to run first is charged: otherwise a module that ends its process
  // by itself would be started for ever.
  return ticket.running && !hasWorked && !hasBegun ? "charged" : "back";
}
