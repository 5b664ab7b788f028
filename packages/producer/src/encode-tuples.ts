/** Turns argument tuples into chunks. An item that can't be sent is an error of its own, and not of its neighbours. */

import { encode } from "@poolmq/shared/internal";

import type { Chunk } from "./map-run.ts";
import { Shared } from "./shared.ts";

type Encoded = Chunk | { readonly at: number; readonly n: 1; readonly error: unknown };

type Shares = Chunk["shares"];

const NO_SHARES: Shares = [];

/** Encodes consecutive tuples, the first of which has index `at`: as one chunk, if nothing stands against it. */
export function encodeTuples(tuples: readonly (readonly unknown[])[], at: number): Encoded[] {
  const layouts = tuples.map(sharesOf);
  const encoded: Encoded[] = [];
  for (let start = 0; start < tuples.length;) {
    // All tuples of a chunk take the same shared values in the same places.
    let end = start + 1;
    while (end < tuples.length && sameShares(layouts[start], layouts[end])) end++;
    encodeGroup(tuples.slice(start, end), at + start, layouts[start] ?? NO_SHARES, encoded);
    start = end;
  }
  return encoded;
}

function encodeGroup(
  tuples: readonly (readonly unknown[])[],
  at: number,
  shares: Shares,
  into: Encoded[],
): void {
  const bare = shares.length === 0 ? tuples : tuples.map(withoutShares);
  try {
    into.push({ at, n: tuples.length, args: encode(bare, { role: "argument" }), shares });
  } catch (error) {
    const [only] = bare;
    if (bare.length === 1 && only !== undefined) {
      into.push({ at, n: 1, error: errorOf(only, error) });
      return;
    }
    for (const [offset, tuple] of tuples.entries()) encodeGroup([tuple], at + offset, shares, into);
  }
}

/** The same error with the path as the caller sees it: from the item, not from the chunk. */
function errorOf(tuple: readonly unknown[], error: unknown): unknown {
  try {
    encode(tuple.length === 1 ? tuple[0] : tuple, { role: "argument" });
  } catch (better) {
    return better;
  }
  return error;
}

function sharesOf(tuple: readonly unknown[]): Shares {
  if (!tuple.some((value) => value instanceof Shared)) return NO_SHARES;
  return tuple.flatMap((value, position) => (value instanceof Shared ? [[position, value.id] as const] : []));
}

function sameShares(a: Shares = NO_SHARES, b: Shares = NO_SHARES): boolean {
  return a.length === b.length && a.every(([position, id], i) => position === b[i]?.[0] && id === b[i][1]);
}

function withoutShares(tuple: readonly unknown[]): readonly unknown[] {
  return tuple.map((value) => (value instanceof Shared ? null : value));
}
