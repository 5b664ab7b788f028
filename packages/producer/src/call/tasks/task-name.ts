import { InvalidOptionError } from "@poolmq/shared";
import { inspectBriefly } from "@poolmq/shared/internal";

/** No function has a longer name. It is in each job, and Redis would never take a name of megabytes. */
const MAX_CHARS = 1_000;

/**
 * Gives the name under which workers have registered a task: the name itself, or the export of the given module that
 * is this function. While that module is not imported, a function goes by its own name; `ImportedTasks.nameOf()`
 * checks it later.
 *
 * @throws InvalidOptionError
 */
export function taskName(call: string, task: unknown, module: object | undefined): string {
  if (typeof task === "string" && task !== "" && task.length <= MAX_CHARS) return task;
  if (typeof task === "function") return exportedAs(task, module) ?? task.name;
  throw new InvalidOptionError(
    `Expected the task of ${call}() to be the name of a function that the tasks module exports, got ${inspectBriefly(task)}`,
  );
}

/** Name of the export that is this function. */
export function exportedAs(task: unknown, module: object | undefined): string | undefined {
  return Object.entries(module ?? {}).find(([, value]) => value === task)?.[0];
}
