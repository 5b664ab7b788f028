/** Options of a task where it is defined. */

import { checkOptions, checkTaskDefaults, InvalidArgumentsError, TASK_DEFAULTS } from "@poolmq/shared/task";
import type { CheckedTaskDefaults, TaskDefaults } from "@poolmq/shared/task";

import type { BatchDefinition } from "./batch-function.ts";
import { checkingArguments } from "./check-arguments.ts";
import type { StandardSchema } from "./check-arguments.ts";

/** Options that a function's definition gives; the pool's and the call's win over them. */
export interface TaskOptions extends TaskDefaults {
  /**
   * Whether another attempt may help after this error; called in the worker, with what the function threw. @defaultValue
   * always
   */
  readonly retryIf?: ((error: unknown) => boolean) | undefined;
  /**
   * Schema of the one argument, or of each argument in a list: of zod, valibot, arktype, or any other library that
   * follows Standard Schema. The function gets the schemas' output. An item whose arguments a schema refuses ends in an
   * `InvalidArgumentsError`, and is not tried again. @defaultValue arguments are not checked
   */
  readonly input?: StandardSchema | readonly StandardSchema[] | undefined;
}

/** The options of a definition, checked. */
export interface CheckedTaskOptions extends CheckedTaskDefaults, Pick<TaskOptions, "retryIf"> {
  /** Given for a batch task. */
  readonly batch?: BatchDefinition;
}

/** Shared by all copies of this package in a process. */
const OPTIONS: unique symbol = Symbol.for("poolmq.task.options") as never;

/**
 * Attaches options to a task.
 *
 * @returns the same function; with `input`, one that checks its arguments and calls it
 * @throws InvalidOptionError
 * @example
 * ```ts
 * // fetch-page.ts
 * import { defineTask } from "@poolmq/worker";
 *
 * export const fetchPage = defineTask(
 *   async (url: string) => (await fetch(url)).text(),
 *   { attempts: 3, backoff: { type: "exponential", delayMs: 200 }, taskTimeoutMs: 10_000 },
 * );
 * ```
 */
export function defineTask<F extends (...args: never[]) => unknown, const O extends TaskOptions>(
  fn: F,
  options: O,
): F & { readonly taskOptions: O } {
  const check = checkOptions(options, "task options", [...TASK_DEFAULTS, "retryIf", "input"]);
  check.function("retryIf");
  const { retryIf, input } = options;
  const checked: CheckedTaskOptions = {
    ...checkTaskDefaults(options),
    // The same arguments would be refused again.
    retryIf: (error) => !(error instanceof InvalidArgumentsError) && (retryIf?.(error) ?? true),
  };
  const task = input === undefined ? fn : checkingArguments(fn, "~standard" in input ? [input] : input);
  return withTaskOptions(task, checked, options);
}

/**
 * Attaches the checked options to a function. @param options - the options as they were given, which importers of the
 * task see in its type
 */
export function withTaskOptions<F extends object, O>(
  task: F,
  checked: CheckedTaskOptions,
  options: O,
): F & { readonly taskOptions: O } {
  return Object.defineProperties(task, {
    [OPTIONS]: { value: checked },
    taskOptions: { value: options },
  }) as F & { readonly taskOptions: O };
}

/** Gives the options of a function's definition. */
export function taskOptionsOf(fn: object): CheckedTaskOptions {
  return (fn as { readonly [OPTIONS]?: CheckedTaskOptions })[OPTIONS] ?? {};
}
