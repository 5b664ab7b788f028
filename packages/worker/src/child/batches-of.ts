import { taskOptionsOf } from "../task/define-task.ts";
import type { TaskModule } from "../tasks-module/task-module.ts";
import type { Batches } from "../batch/batches.ts";

/** Gives what runs batch tasks, if the module has one: it is loaded nowhere else. */
export async function batchesOf({ tasks }: TaskModule): Promise<typeof Batches | undefined> {
  for (const fn of tasks.values()) {
    if (taskOptionsOf(fn).batch !== undefined) return (await import("../batch/batches.ts")).Batches;
  }
  return undefined;
}
