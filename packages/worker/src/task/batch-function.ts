/** The function of a batch task: its arguments, and the check of its result. */

import type { Logger } from "pino";

import { BatchResultError } from "@poolmq/shared/task";

import type { TaskContext } from "./task-context.ts";

/** The second argument of a batch task's function. */
export interface BatchContext {
  /** Fires when the function is to stop, because it ran too long, or because nobody wants any of its items any more. */
  readonly signal: AbortSignal;
  /** A pino logger that names the task and the process. */
  readonly log: Logger;
  /** For each item, in order, what `taskContext()` gives in other tasks. */
  readonly items: readonly TaskContext[];
}

/** What `defineBatchTask` was given, checked. */
export interface BatchDefinition {
  readonly fn: (items: unknown[], context: BatchContext) => unknown;
  readonly maxItems: number;
  readonly maxWaitMs: number;
  readonly splitOnError: boolean;
  /** Gives what the schema of the definition makes of an item, or throws; a promise if the schema gives one. */
  readonly check: ((item: unknown) => unknown) | undefined;
}

/** Checks that the function returned one result or error for each item, and gives these. @throws BatchResultError */
export function resultsOf(returned: unknown, expected: number): readonly unknown[] {
  if (Array.isArray(returned) && returned.length === expected) return returned;
  throw new BatchResultError({ expected, got: returned });
}
