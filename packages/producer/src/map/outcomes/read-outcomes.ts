/** Reads the outcomes of a chunk's items. It never throws: text that can't be read becomes the items' error. */

import { DecodeError } from "@poolmq/shared";
import { attachRemote, decode, decodeEach, decodeThrown, failureError, free } from "@poolmq/shared/internal";
import type { ItemOutcome, OutcomeText } from "@poolmq/shared/internal";

import { FOLDED } from "./sink.ts";

/** The outcome of one item, decoded. */
export type Settled =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: unknown };

/** A class of errors. It is never called: a remote error gets its prototype. */
export type ErrorClass = abstract new (...args: never[]) => Error;

export interface ReadContext {
  readonly classes: ReadonlyMap<string, ErrorClass> | undefined;
  readonly callSite: CallSite;
  /** The bytes that travelled beside the text. */
  readonly bytes?: Buffer | undefined;
}

/** Gives the stack frames of the place where a call was made. */
export type CallSite = () => string | undefined;

/**
 * Gives the results of the chunk's items, in order, if all of them succeeded and can be read.
 *
 * @param bytes - the bytes that travelled beside the text; their memory is freed, since results are copies
 * @param mayFold - whether they may be folded: then the first is the value, and the others are `FOLDED`
 */
export function readResults(
  chunk: { readonly n: number },
  text: OutcomeText,
  bytes?: Buffer,
  mayFold = false,
): unknown[] | undefined {
  if (!text.startsWith("=")) return undefined;
  try {
    const results = decodeEach(text.slice(1), bytes);
    const isWhole = fits(results, chunk.n);
    if (!isWhole && (!mayFold || results.length !== 1)) return undefined;
    if (bytes !== undefined) free(bytes);
    if (isWhole) return results;
    return Array.from({ length: chunk.n }, (_, offset) => (offset === 0 ? results[0] : FOLDED));
  } catch {
    return undefined; // `readOutcomes` meets it again and reports it
  }
}

/**
 * Gives one entry for each of the chunk's items, in order.
 *
 * @param chunk - `n` is `undefined` if only the outcome itself says how many items there are
 */
export function readOutcomes(
  chunk: { readonly at: number; readonly n: number | undefined },
  text: OutcomeText,
  context: ReadContext,
): Settled[] {
  try {
    if (text.startsWith("=")) {
      const values = decodeEach(text.slice(1), context.bytes);
      if (fits(values, chunk.n)) return values.map((value) => ({ ok: true, value }));
    } else if (text.startsWith("!")) {
      const outcomes = JSON.parse(text.slice(1)) as ItemOutcome[];
      if (Array.isArray(outcomes) && fits(outcomes, chunk.n)) {
        return outcomes.map((outcome) => readOutcome(outcome, context));
      }
      const corrupt = ofCorruptJob(outcomes, chunk);
      if (corrupt !== undefined) return corrupt.map((outcome) => readOutcome(outcome, context));
    }
    throw new DecodeError(`Expected the outcomes of ${chunk.n ?? 1} items, got something else`);
  } catch (cause) {
    const error = new DecodeError(
      `The outcome of item ${chunk.at} can't be read: something else writes to this queue's keys`,
      { cause },
    );
    return Array.from({ length: chunk.n ?? 1 }, () => ({ ok: false, error }));
  }
}

/**
 * For a job that the worker could not read: it sent one outcome, because only the producer knows how many items there
 * are.
 */
function ofCorruptJob(
  outcomes: readonly ItemOutcome[],
  { at, n = 1 }: { readonly at: number; readonly n: number | undefined },
): ItemOutcome[] | undefined {
  const [outcome] = outcomes;
  if (outcome?.s !== "failed" || outcome.failure.code !== "CORRUPT_JOB") return undefined;
  return Array.from({ length: n }, (_, offset) => ({
    ...outcome,
    by: { ...outcome.by, index: at + offset },
  }));
}

function fits(items: readonly unknown[], n: number | undefined): boolean {
  return n === undefined ? items.length > 0 : items.length === n;
}

function readOutcome(outcome: ItemOutcome, { classes, callSite, bytes }: ReadContext): Settled {
  switch (outcome.s) {
    case "ok":
      return { ok: true, value: outcome.folded === true ? FOLDED : decode(outcome.value, { bytes }) };
    case "threw": {
      const error = decodeThrown(outcome.thrown, classes === undefined ? {} : { classes });
      attachRemote(error, outcome.by);
      appendCallSite(error, callSite);
      return { ok: false, error };
    }
    case "failed": {
      return { ok: false, error: atCallSite(failureError(outcome.failure, outcome.by), callSite) };
    }
    default:
      outcome satisfies never;
      throw new DecodeError("Expected an item outcome, got something else");
  }
}

/** Replaces the frames of an error that poolmq made by those of the place where the producer called. */
export function atCallSite<E>(error: E, callSite: CallSite): E {
  if (!(error instanceof Error)) return error;
  error.stack = [`${error.name}: ${error.message}`, callSite()]
    .filter((part) => part !== undefined)
    .join("\n");
  return error;
}

/** Appends the place where the producer called to the worker's stack. */
function appendCallSite(error: unknown, callSite: CallSite): void {
  if (!(error instanceof Error) || typeof error.stack !== "string") return;
  const site = callSite();
  if (site === undefined) return;
  try {
    error.stack = `${error.stack}\n${site}`;
  } catch {
    // The error is frozen, and keeps only the worker's stack.
  }
}
