import type { QueuedJob } from "../queue/job-queue.ts";

/** A trace's ids and what callers send along are some hundred characters. */
const MAX_CHARS = 8 * 1024;

/** The caller's trace that a job carries, where BullMQ's own telemetry has it. */
export function traceOf(job: Pick<QueuedJob, "opts">): string | undefined {
  const metadata: unknown = job.opts.telemetry?.metadata;
  return typeof metadata === "string" && metadata.length <= MAX_CHARS ? metadata : undefined;
}
