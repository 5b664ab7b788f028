/** Tasks that take many items at once. */

import {
  BatchResultError,
  checkOptions,
  checkTaskDefaults,
  InvalidArgumentsError,
  TASK_DEFAULTS,
} from "@poolmq/shared/task";

import { resultsOf } from "./batch-function.ts";
import type { BatchContext, BatchDefinition } from "./batch-function.ts";
import { checkingArguments } from "./check-arguments.ts";
import type { StandardSchema } from "./check-arguments.ts";
import { withTaskOptions } from "./define-task.ts";
import type { TaskOptions } from "./define-task.ts";
import { currentTaskContext, runInContext, taskContext } from "./task-context.ts";

/** Options of a task that takes many items at once. */
export interface BatchTaskOptions extends Omit<TaskOptions, "input"> {
  /** The most items that the function takes at once, at least 1. */
  readonly maxItems: number;
  /**
   * How long a worker waits for more items when it has fewer than `maxItems`, in ms. With 0 it takes those that are
   * there, and right after a call of several items waits up to 10 ms for the items that follow those. @defaultValue 0
   */
  readonly maxWaitMs?: number | undefined;
  /**
   * When the function throws, call it with each half of the items, and so on, until only the items are left for which it
   * throws; the others get their results. Without it, each item of the batch fails with what was thrown. Only for
   * functions that may get an item again. @defaultValue false
   */
  readonly splitOnError?: boolean | undefined;
  /**
   * Schema of an item: of zod, valibot, arktype, or any other library that follows Standard Schema. The function gets the
   * schema's output. An item that the schema refuses ends in an `InvalidArgumentsError`, and is in no batch.
   * @defaultValue items are not checked
   */
  readonly input?: StandardSchema | undefined;
}

/**
 * Makes a task of a function that takes many items at once: rows for a database, inputs of a model. It is called like a
 * task that takes one item: `pool.map(tasks.insert, rows)`, `pool.apply(tasks.insert, [row])`. A worker that has several
 * of its items gives them to the function together, even those of different calls.
 *
 * The function returns a result or an `Error` for each item, in their order. An item with an error is tried again without
 * the others, if it has attempts left.
 *
 * @throws InvalidOptionError
 * @example
 * ```ts
 * // squares.ts
 * import { defineBatchTask } from "@poolmq/worker";
 *
 * export const square = defineBatchTask(
 *   (numbers: number[]) => numbers.map((x) => (Number.isFinite(x) ? x * x : new RangeError(`${x} has no square`))),
 *   { maxItems: 100, maxWaitMs: 5 },
 * );
 * ```
 */
export function defineBatchTask<Item, Result, const O extends BatchTaskOptions>(
  fn: (
    items: Item[],
    context: BatchContext,
  ) => readonly (Result | Error)[] | PromiseLike<readonly (Result | Error)[]>,
  options: O,
): ((item: Item) => Promise<Exclude<Result, Error>>) & { readonly taskOptions: O } {
  const own = ["maxItems", "maxWaitMs", "splitOnError"];
  const check = checkOptions(options, "batch task options", [...TASK_DEFAULTS, "retryIf", "input", ...own]);
  check.function("retryIf");
  const { retryIf, input } = options;
  const batch: BatchDefinition = {
    fn: fn as unknown as BatchDefinition["fn"],
    maxItems: check.integer("maxItems", Number.NaN, { min: 1 }),
    maxWaitMs: check.milliseconds("maxWaitMs", 0, { min: 0 }),
    splitOnError: check.boolean("splitOnError"),
    check:
      input === undefined
        ? undefined
        : checkingArguments(
            named(fn, (item: unknown) => item),
            [input],
          ),
  };
  const task = withTaskOptions(
    named(fn, (item: unknown) => runAlone(batch, item)),
    {
      ...checkTaskDefaults(options),
      batch,
      // The same arguments would be refused again, and the same function would return the same number of results.
      retryIf: (error) =>
        !(error instanceof InvalidArgumentsError || error instanceof BatchResultError) &&
        (retryIf?.(error) ?? true),
    },
    options,
  );
  return task as unknown as ReturnType<typeof defineBatchTask<Item, Result, O>>;
}

/** Calls the function with one item: when code calls the task directly, and when an item is to run alone. */
async function runAlone(batch: BatchDefinition, given: unknown): Promise<unknown> {
  const context = currentTaskContext();
  const item = batch.check === undefined ? given : await batch.check(given);
  const [result] = resultsOf(
    await runInContext({ context, batch: { hasEnded: false } }, () =>
      batch.fn([item], aloneContext(context)),
    ),
    1,
  );
  if (result instanceof Error) throw result;
  return result;
}

/** The context for one item. Outside of a worker there is none, and reading its fields throws. */
function aloneContext(context = currentTaskContext()): BatchContext {
  return {
    get signal() {
      return (context ?? taskContext()).signal;
    },
    get log() {
      return (context ?? taskContext()).log;
    },
    get items() {
      return [context ?? taskContext()];
    },
  };
}

/** Gives `fn` the user's function name, which messages show, and a `length` of 1, by which calls are checked. */
function named<F extends (item: unknown) => unknown>(fn: { readonly name: string }, task: F): F {
  return Object.defineProperties(task, { name: { value: fn.name }, length: { value: 1 } });
}
