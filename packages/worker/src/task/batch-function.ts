/** The function of a batch task: what it is given, and how what it returns is read. */

import type { Logger } from "pino";

import { BatchResultError } from "@poolmq/shared/task";

import type { TaskContext } from "./task-context.ts";

/** What the function of a batch task gets beside the items. */
export interface BatchContext {
  /** Fires when the function is to stop: it ran too long, or nobody wants any of its items any more. */
  readonly signal: AbortSignal;
  /** A pino logger that names the task and the process. */
  readonly log: Logger;
  /** What `taskContext()` gives in other tasks, for each of the items, in their order. */
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

/** What the function returned, if it is one result or error for each item. @throws BatchResultError */
export function resultsOf(returned: unknown, expected: number): readonly unknown[] {
  if (Array.isArray(returned) && returned.length === expected) return returned;
  throw new BatchResultError({ expected, got: returned });
}
