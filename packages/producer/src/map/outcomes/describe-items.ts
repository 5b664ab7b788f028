/** Adds a description of the item to errors that its function did not make, and that would only name its index. */

import { inspect } from "node:util";

import { TaskTimeoutError, WorkerLostError } from "@poolmq/shared";
import { decodeArguments } from "@poolmq/shared/internal";

import type { Chunk } from "../../input/chunk.ts";
import type { Settled } from "./read-outcomes.ts";

/** Makes a short description of an item from its arguments. */
export type DescribeItem = (...args: readonly unknown[]) => string;

/** The longest description: errors are logged, so it must fit into a line. */
const MAX_LENGTH = 200;

/** Adds a description to the errors of items that ran too long or took their process down. */
export function describeItems(chunk: Chunk, outcomes: readonly Settled[], describe: DescribeItem): void {
  let tuples: readonly (readonly unknown[])[] | undefined;
  for (const [offset, outcome] of outcomes.entries()) {
    if (outcome.ok) continue;
    const { error } = outcome;
    if (!(error instanceof TaskTimeoutError || error instanceof WorkerLostError)) continue;
    tuples ??= tuplesOf(chunk);
    const preview = previewOf(tuples[offset] ?? [], describe);
    const { message, stack } = error;
    error.message = `${message.replace(/\.$/, "")}. Its arguments: ${preview}`;
    error.stack = stack?.replace(message, () => error.message) ?? "";
  }
}

/** The description for `describeItem: true`. */
export function inspectItem(...args: readonly unknown[]): string {
  const options = { depth: 1, breakLength: Infinity, maxStringLength: 80, maxArrayLength: 5 };
  return args.map((arg) => inspect(arg, options)).join(", ");
}

function tuplesOf({ args, bytes, shares }: Chunk): readonly (readonly unknown[])[] {
  const { form, values } = decodeArguments(args, bytes);
  if (form === "one") return values.map((value) => [value]);
  return (values as readonly unknown[][]).map((tuple) =>
    tuple.map((value, position) => (shares.some(([at]) => at === position) ? "a shared value" : value)),
  );
}

/** Calls the user's function. Whatever it does, the item's own error must be reported. */
function previewOf(args: readonly unknown[], describe: DescribeItem): string {
  try {
    const text = describe(...args).replace(/\s+/g, " ");
    return text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH - 1)}…` : text;
  } catch (error) {
    return `not shown, because \`describeItem\` threw ${textOf(error)}`;
  }
}

function textOf(thrown: unknown): string {
  try {
    return String(thrown);
  } catch {
    return "what has no text";
  }
}
