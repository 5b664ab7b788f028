import type { QueuedJob } from "../queue/begun-jobs.ts";

/** The longest trace that is read, in characters. Ids and baggage usually take some hundred. */
const MAX_CHARS = 8 * 1024;

/** The caller's trace that a job carries, in the option that BullMQ's own telemetry uses. */
export function traceOf(job: Pick<QueuedJob, "opts">): string | undefined {
  const metadata: unknown = job.opts.telemetry?.metadata;
  return typeof metadata === "string" && metadata.length <= MAX_CHARS ? metadata : undefined;
}
