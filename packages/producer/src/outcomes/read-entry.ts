/** Reads an entry of a map's stream. Nothing in it is trusted: anyone who can write to Redis can add to a stream. */

import { decode } from "@poolmq/shared/internal";
import type { OutcomeText } from "@poolmq/shared/internal";

import type { RunFacts } from "../map/transport.ts";
import type { Seals } from "../signing/seals.ts";

/** The outcome of a chunk, not checked yet. */
export interface OutcomeEntry extends RunFacts {
  readonly at: number;
  readonly text: OutcomeText;
  /** The bytes that the text names. */
  readonly bytes: Buffer | undefined;
}

/** One entry of a map's stream, read. */
export type Entry =
  | OutcomeEntry
  | { readonly progressOf: number; readonly value: unknown }
  /** What an item printed and logged: a `LogBatch` as JSON. */
  | { readonly logOf: number; readonly batch: string }
  /** How many items a chunk keeps of which items were asked back. */
  | { readonly cutOf: number; readonly items: number }
  /** The number of items of a durable map, whose input has ended. */
  | { readonly total: number }
  /** An order from outside to end the map, with its reason. */
  | { readonly cancelled: string }
  /** An order from outside with the map's priority; 0: none. */
  | { readonly priority: number };

const [I, R, O, B] = [0x69, 0x72, 0x6f, 0x62];

/**
 * Nearly all entries are outcomes: `i`, `ran` and `o`, in this order, and `b` if it has bytes. Those of several jobs share
 * these fields, with a line for each job; in a durable map's stream, those that a machine of wire version 3 wrote follow each
 * other. Gives none for an entry that is anything else.
 */
function readOutcomes(fields: readonly Buffer[], transitMs: number): OutcomeEntry[] {
  const outcomes: OutcomeEntry[] = [];
  for (let start = 0; start < fields.length;) {
    const [i, indices, r, ran, o, text] = fields.slice(start, start + 6);
    if (i?.[0] !== I || r?.[0] !== R || o?.[0] !== O || i.length !== 1 || o.length !== 1) return [];
    const hasBytes = fields[start + 6]?.[0] === B;
    const bytes = hasBytes ? fields[start + 7] : undefined;
    const read = readLines([String(indices), String(ran), String(text)], bytes, transitMs);
    if (read === undefined) return [];
    for (const outcome of read) outcomes.push(outcome);
    start += hasBytes ? 8 : 6;
  }
  return outcomes;
}

/** Gives undefined if they are not outcomes. */
function readLines(
  [indices, ran, text]: readonly [string, string, string],
  bytes: Buffer | undefined,
  transitMs: number,
): OutcomeEntry[] | undefined {
  if (!indices.includes("\n")) {
    return isIndex(indices) ? [readOutcome(indices, ran, text, bytes, transitMs)] : undefined;
  }
  const all = indices.split("\n");
  const [runs, texts] = [ran.split("\n"), text.split("\n")];
  if (bytes !== undefined || runs.length !== all.length || texts.length !== all.length) return undefined;
  if (!all.every(isIndex)) return undefined;
  return all.map((at, n) => readOutcome(at, runs[n] ?? "", texts[n] ?? "", undefined, transitMs));
}

function readOutcome(
  at: string,
  ran: string,
  text: OutcomeText,
  bytes: Buffer | undefined,
  transitMs: number,
): OutcomeEntry {
  const space = ran.indexOf(" ");
  const by = space === -1 ? undefined : ran.slice(space + 1);
  return { at: Number(at), ms: Number.parseFloat(ran) || 0, text, bytes, transitMs, by };
}

/** Gives what an entry says: nothing if it has any other shape, since it is not poolmq's then. */
export function readEntries(
  fields: readonly Buffer[],
  transitMs: number,
  mapId: string,
  seals: Seals,
): readonly Entry[] {
  const outcomes = readOutcomes(fields, transitMs);
  if (outcomes.length > 0) return outcomes;
  const other = readOther(fields, mapId, seals);
  return other === undefined ? [] : [other];
}

function readOther(fields: readonly Buffer[], mapId: string, seals: Seals): Entry | undefined {
  const values = new Map<string, string>();
  for (let i = 0; i + 1 < fields.length; i += 2) values.set(String(fields[i]), String(fields[i + 1]));
  const [p, v] = ["p", "v"].map((name) => values.get(name));
  const total = values.get("total");
  if (isIndex(total)) {
    return seals.isTotal(mapId, Number(total), values.get("sig")) ? { total: Number(total) } : undefined;
  }
  const l = values.get("l");
  if (v !== undefined && isIndex(l)) {
    const batch = seals.log(mapId, Number(l), v);
    return batch === undefined ? undefined : { logOf: Number(l), batch };
  }
  const cut = values.get("cut");
  if (v !== undefined && isIndex(cut)) {
    const items = seals.cut(mapId, Number(cut), v);
    return items === undefined ? undefined : { cutOf: Number(cut), items };
  }
  const cancel = values.get("cancel");
  if (cancel !== undefined) {
    const cancelled = seals.cancel(mapId, cancel);
    return cancelled === undefined ? undefined : { cancelled };
  }
  const urgency = values.get("priority");
  if (urgency !== undefined) {
    const priority = seals.priority(mapId, urgency);
    return priority === undefined ? undefined : { priority };
  }
  if (v === undefined || !isIndex(p)) return undefined;
  const payload = seals.progress(mapId, Number(p), v);
  if (payload === undefined) return undefined;
  try {
    return { progressOf: Number(p), value: decode(payload) };
  } catch {
    return undefined;
  }
}

function isIndex(text: string | undefined): text is string {
  return text !== undefined && /^\d{1,15}$/.test(text);
}
