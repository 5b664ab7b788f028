import type { TaskInfo } from "@poolmq/shared/task";

import { taskOptionsOf } from "../task/define-task.ts";
import type { TaskFunction } from "./task-module.ts";

/** What a machine advertises of a registered function, including the options of its definition. */
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
