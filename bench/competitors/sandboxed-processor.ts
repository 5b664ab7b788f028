import type { SandboxedJob } from "bullmq";

import { TASKS } from "./tasks-by-name.ts";
import type { TaskName } from "./tasks-by-name.ts";

/** What a sandboxed child runs; BullMQ takes the default export. */
export default async function processor(job: SandboxedJob<{ item: number }>): Promise<number> {
  return TASKS[job.name as TaskName](job.data.item);
}
