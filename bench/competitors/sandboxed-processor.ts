import type { SandboxedJob } from "bullmq";

import { runByName } from "./tasks-by-name.ts";

/** What a sandboxed child runs; BullMQ takes the default export. */
export default function processor(job: SandboxedJob<{ item: unknown }>): Promise<unknown> {
  return runByName(job.name, job.data.item);
}
