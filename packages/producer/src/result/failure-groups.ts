/**
 * Groups the errors of a map's items, for `errors()`, and for the note on other failures in the error that a map throws.
 */

import { errorFacts, kindOfError } from "@poolmq/shared/internal";

/** Items of a map that failed with the same error, except for numbers in its message. */
export interface FailureGroup {
  /** Name of the error's class. */
  readonly name: string;
  /** Message of the first error. */
  readonly message: string;
  /** Number of items that failed with it. */
  readonly count: number;
  /** Indices of the first hundred items, in order. */
  readonly indices: readonly number[];
  /** The first error. */
  readonly error: unknown;
}

const MAX_INDICES = 100;

type Group = Omit<FailureGroup, "count" | "indices"> & { count: number; readonly indices: number[] };

/** Puts failures into groups, the largest first. */
export function failureGroups(
  failures: Iterable<readonly [index: number, error: unknown]>,
): readonly FailureGroup[] {
  const groups = new Map<string, Group>();
  for (const [index, error] of failures) {
    const { name, message } = errorFacts(error);
    const key = kindOfError({ name, message });
    const group: Group = groups.get(key) ?? { name, message, count: 0, indices: [], error };
    group.count++;
    if (group.indices.length < MAX_INDICES) group.indices.push(index);
    groups.set(key, group);
  }
  return [...groups.values()].toSorted((a, b) => b.count - a.count);
}

/** Errors whose stack has the line already. Several handles may throw the same error. */
const noted = new WeakSet<Error>();

/** Adds to the stack of the error that a map throws which item it was, and how many other items failed too. */
export function noteOthers(
  error: unknown,
  { index, failed, total }: { readonly index: number; readonly failed: number; readonly total: number },
): void {
  if (!(error instanceof Error) || typeof error.stack !== "string" || total === 1 || noted.has(error)) return;
  noted.add(error);
  const others =
    failed === 1
      ? "the only one that failed"
      : `the first of ${count(failed)} that failed: errors() groups them, settled() gives all outcomes`;
  try {
    error.stack += `\n    --- item ${index} of ${count(total)}, ${others} ---`;
  } catch {
    // A frozen error keeps its stack.
  }
}

function count(items: number): string {
  return items.toLocaleString("en");
}
