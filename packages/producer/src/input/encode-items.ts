/** Turns the items of an input into chunks. An item that can't be sent fails alone, and not with its neighbours. */

import { Attachments, encode, encodeArguments } from "@poolmq/shared/internal";
import type { ArgumentForm } from "@poolmq/shared/internal";

import type { Chunk } from "./chunk.ts";
import { Shared } from "./shared.ts";
import { Refused } from "./take.ts";

type Encoded = Chunk | { readonly at: number; readonly n: 1; readonly error: unknown };

type Shares = Chunk["shares"];

const NO_SHARES: Shares = [];

/** The limit of a job's arguments, and the name that users know it by. */
export interface ArgumentLimit {
  readonly maxBytes: number;
  readonly limit: string;
}

/** Consecutive items of an input. */
export interface Items {
  readonly form: ArgumentForm;
  readonly values: readonly unknown[];
}

/** Encodes items, the first of which has index `at`, as one chunk if possible. */
export function encodeItems(
  { form, values }: Items,
  at: number,
  limit: ArgumentLimit | undefined,
): Encoded[] {
  const encoded: Encoded[] = [];
  if (form === "one" && !hasSpecial(values)) {
    encodeGroup({ form, values }, at, NO_SHARES, limit, encoded);
    return encoded;
  }
  const tuples = values.map((value) =>
    form === "tuple" || value instanceof Refused ? (value as readonly unknown[] | Refused) : [value],
  );
  const layouts = tuples.map((tuple) => (tuple instanceof Refused ? undefined : sharesOf(tuple)));
  for (let start = 0; start < tuples.length;) {
    const first = tuples[start];
    if (first instanceof Refused) {
      encoded.push({ at: at + start, n: 1, error: first.error });
      start++;
      continue;
    }
    // All tuples of a chunk must have the same shared values in the same positions.
    let end = start + 1;
    while (end < tuples.length && sameShares(layouts[start], layouts[end])) end++;
    const shares = layouts[start] ?? NO_SHARES;
    const group = tuples.slice(start, end) as (readonly unknown[])[];
    const sent = shares.length === 0 ? group : group.map(withoutShares);
    encodeGroup({ form: "tuple", values: sent }, at + start, shares, limit, encoded);
    start = end;
  }
  return encoded;
}

/** Encodes items as one chunk; if that fails, each half, down to the item that is to blame. */
function encodeGroup(
  { form, values }: Items,
  at: number,
  shares: Shares,
  limit: ArgumentLimit | undefined,
  into: Encoded[],
): void {
  try {
    const attachments = new Attachments();
    const args = encodeArguments(form, values, { role: "argument", ...limit, attachments });
    into.push({ at, n: values.length, args, bytes: attachments.bytes, shares });
  } catch (error) {
    if (values.length === 1) {
      const tuple = form === "one" ? values : (values[0] as readonly unknown[]);
      into.push({ at, n: 1, error: errorOf(tuple, limit) ?? error });
      return;
    }
    const middle = values.length >> 1;
    encodeGroup({ form, values: values.slice(0, middle) }, at, shares, limit, into);
    encodeGroup({ form, values: values.slice(middle) }, at + middle, shares, limit, into);
  }
}

/** The error with the path that the caller expects: from the item, not from the tuple that holds it. */
function errorOf(tuple: readonly unknown[], limit: ArgumentLimit | undefined): unknown {
  try {
    const attachments = new Attachments();
    encode(tuple.length === 1 ? tuple[0] : tuple, { role: "argument", ...limit, attachments });
    return undefined;
  } catch (error) {
    return error;
  }
}

function isShared(value: unknown): value is Shared<unknown> {
  return typeof value === "object" && value instanceof Shared;
}

function hasShared(values: readonly unknown[]): boolean {
  for (const value of values) if (isShared(value)) return true;
  return false;
}

/** Whether any of the values is a shared value or a refused item. */
function hasSpecial(values: readonly unknown[]): boolean {
  for (const value of values) {
    if (typeof value === "object" && (value instanceof Shared || value instanceof Refused)) return true;
  }
  return false;
}

function sharesOf(tuple: readonly unknown[]): Shares {
  if (!hasShared(tuple)) return NO_SHARES;
  return tuple.flatMap((value, position) => (isShared(value) ? [[position, value.id] as const] : []));
}

function sameShares(a: Shares | undefined, b: Shares | undefined): boolean {
  if (a === undefined || b === undefined) return false;
  return a.length === b.length && a.every(([position, id], i) => position === b[i]?.[0] && id === b[i][1]);
}

function withoutShares(tuple: readonly unknown[]): readonly unknown[] {
  return tuple.map((value) => (isShared(value) ? null : value));
}
