/**
 * Checks what a host reports, before anything else of the supervisor reads it. Tasks can write to the pipe themselves. What
 * passes here can be read later, when it no longer shows which host it came from.
 */

import type { OutcomeText, Payload } from "@poolmq/shared/internal";

import type { FromChild } from "../pipe/pipe-messages.ts";
import type { Ticket } from "./run.ts";

type Done = Extract<FromChild, { t: "done" }>;

/** Checks the end of a run. @throws Error if it can't be true, or its text can't be read */
export function checkDone(done: Done, text: OutcomeText, ticket: Ticket | undefined): void {
  const { ms, ownMs = 0, retriable } = done;
  if (!isAmount(ms) || !isAmount(ownMs) || !isAmount(retriable))
    throw new Error("a run without its time and its count");
  // Results are opaque here: only the producer reads them.
  if (text.startsWith("=") && retriable === 0) return;
  const isWhole = text === "" ? isCovered(done, ticket) : areOutcomes(text);
  // Otherwise a task that keeps writing this would be run again and again, for the items that are missing.
  if (!isWhole) throw new Error("a run without its outcomes");
}

/** Checks which item of `n` starts, or has ended with an outcome. @throws Error */
export function checkItem(offset: number | undefined, outcome: string | undefined, n: number): void {
  if (offset === undefined ? outcome !== undefined : !isOffset(offset, n))
    throw new Error("an item that the run has not");
  if (outcome !== undefined && !isOutcome(JSON.parse(outcome)))
    throw new Error("an item without its outcome");
}

/** Checks what an item printed, logged or reports as its progress. @throws Error */
export function checkSaid(
  { t, index }: Extract<FromChild, { t: "log" | "progress" }>,
  text: Payload,
  { at, n }: { readonly at: number; readonly n: number },
): void {
  if (!isOffset(index - at, n)) throw new Error("a word of an item that the run has not");
  if (t === "log" && !isLine(JSON.parse(text))) throw new Error("a line that is none");
}

/** Whether the outcomes of a run that has no text were reported one by one. */
function isCovered({ cut }: Done, ticket: Ticket | undefined): boolean {
  if (ticket === undefined || ticket.stopped !== undefined) return true;
  const { n, skip } = ticket.run;
  return ticket.outcomes.size + skip.length >= (cut ?? ticket.cut ?? n);
}

function areOutcomes(text: OutcomeText): boolean {
  const outcomes: unknown = text.startsWith("!") ? JSON.parse(text.slice(1)) : undefined;
  return Array.isArray(outcomes) && outcomes.every(isOutcome);
}

function isAmount(value: unknown): boolean {
  return Number.isFinite(value) && (value as number) >= 0;
}

function isOffset(value: number, n: number): boolean {
  return Number.isInteger(value) && value >= 0 && value < n;
}

function isOutcome(value: unknown): boolean {
  if (!isObject(value)) return false;
  const outcome = value as Readonly<Record<string, unknown>>;
  switch (outcome["s"]) {
    case "ok":
      return typeof outcome["value"] === "string";
    case "threw":
      return typeof outcome["thrown"] === "string" && isObject(outcome["by"]);
    default:
      // A host reports no failures of poolmq's: those are the machine's to tell.
      return false;
  }
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null;
}

function isLine(value: unknown): boolean {
  return Array.isArray(value) && value.length === 2 && typeof value[0] === "string";
}
