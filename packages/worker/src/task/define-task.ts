/** Options of a task where it is defined. */

import { checkOptions, checkTaskDefaults, TASK_DEFAULTS } from "@poolmq/shared/task";
import type { CheckedTaskDefaults, TaskDefaults } from "@poolmq/shared/task";

/** Options that a function's definition gives; the pool's and the call's win over them. */
export interface TaskOptions extends TaskDefaults {
  /** Whether another attempt may mend this error; called in the worker, with what the function threw. @defaultValue always */
  readonly retryIf?: ((error: unknown) => boolean) | undefined;
}

/** What a definition says, checked. */
export type CheckedTaskOptions = CheckedTaskDefaults & Pick<TaskOptions, "retryIf">;

/** Shared by all copies of this package in a process. */
const OPTIONS: unique symbol = Symbol.for("poolmq.task.options") as never;

/**
 * Gives a task options of its own.
 *
 * @returns the same function
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
  const check = checkOptions(options, "task options", [...TASK_DEFAULTS, "retryIf"]);
  check.function("retryIf");
  const checked: CheckedTaskOptions = { ...checkTaskDefaults(options), retryIf: options.retryIf };
  return Object.defineProperties(fn, {
    [OPTIONS]: { value: checked },
    taskOptions: { value: options },
  }) as F & { readonly taskOptions: O };
}

/** Gives the options of a function's definition. */
export function taskOptionsOf(fn: object): CheckedTaskOptions {
  return (fn as { readonly [OPTIONS]?: CheckedTaskOptions })[OPTIONS] ?? {};
}
