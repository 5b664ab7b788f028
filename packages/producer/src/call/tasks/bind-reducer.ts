/**
 * Finds the reducer of a `mapReduce`: its name, for the workers, and the function, which folds in this process what they
 * send.
 */

import { InvalidOptionError } from "@poolmq/shared";
import { inspectBriefly } from "@poolmq/shared/internal";

import type { ReduceFunction } from "../../result/partial-fold.ts";
import type { ImportedTasks } from "./imported-tasks.ts";
import { exportedAs } from "./task-name.ts";

/** A reducer that the tasks module exports. */
export interface BoundReducer {
  readonly name: string;
  readonly fn: ReduceFunction;
}

/**
 * Gives the reducer by its name or the function itself. Imports the tasks module if that was not done yet.
 *
 * @param call - name of the pool's method
 * @throws InvalidOptionError if there is no such function, or if this process does not know the tasks module
 */
export async function bindReducer(
  call: string,
  reducer: unknown,
  tasks: ImportedTasks,
): Promise<BoundReducer> {
  if (typeof reducer !== "function" && (typeof reducer !== "string" || reducer === "")) {
    throw new InvalidOptionError(
      `Expected the reducer of ${call}() to be a function (a, b) => … that the tasks module exports, or its name, got ${inspectBriefly(reducer)}`,
    );
  }
  const exports = await tasks.import();
  const shown = typeof reducer === "string" ? reducer : reducer.name;
  if (exports === undefined) {
    throw new InvalidOptionError(
      `${call}() folds in this process what the workers send, and can't tell which function of theirs the reducer "${shown}" is: ` +
        'give the pool `tasks`, as `await import("./tasks.ts")` or as the module\'s URL',
    );
  }
  const name = typeof reducer === "string" ? reducer : exportedAs(reducer, exports);
  const fn: unknown =
    name === undefined ? undefined : Object.entries(exports).find(([key]) => key === name)?.[1];
  if (name === undefined || typeof fn !== "function") {
    throw new InvalidOptionError(
      `Expected the reducer of ${call}() to be a function that the tasks module exports, got ${typeof reducer === "string" ? `"${shown}"` : `a function "${shown}"`}, which it does not export`,
    );
  }
  return { name, fn: fn as ReduceFunction };
}
