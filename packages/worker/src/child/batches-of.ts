import { taskOptionsOf } from "../task/define-task.ts";
import type { TaskModule } from "../tasks-module/task-module.ts";
import type { Batches } from "../batch/batches.ts";

/** Loads and gives `Batches` if the tasks module has a batch task. No other file imports it at run time. */
export async function batchesOf({ tasks }: TaskModule): Promise<typeof Batches | undefined> {
  for (const fn of tasks.values()) {
    if (taskOptionsOf(fn).batch !== undefined) return (await import("../batch/batches.ts")).Batches;
  }
  return undefined;
}
