import type { TaskInfo } from "@poolmq/shared/task";

import { taskOptionsOf } from "../task/define-task.ts";
import type { TaskFunction } from "./task-module.ts";

/** What is told of a registered function: its own options among it. */
export function infoOf(fn: TaskFunction): TaskInfo {
  const { chunksize, attempts, backoff, taskTimeoutMs, limit, batch } = taskOptionsOf(fn);
  return {
    arity: fn.length,
    ...(chunksize === undefined ? {} : { chunksize }),
    ...(attempts === undefined ? {} : { attempts }),
    ...(backoff === undefined ? {} : { backoff }),
    ...(taskTimeoutMs === undefined ? {} : { timeoutMs: taskTimeoutMs }),
    ...(limit === undefined ? {} : { limit }),
    ...(batch === undefined ? {} : { maxItems: batch.maxItems }),
  };
}
