import type { FailedJob, JobData } from "@poolmq/shared/internal";

import type { QueuedJob } from "../queue/begun-jobs.ts";

/**
 * If a map keeps only some of its failed jobs, larger jobs than this, in bytes, are not kept, so that Redis has its
 * memory for the queue.
 */
const MAX_KEPT_BYTES = 64 * 1024;

/**
 * A job as its producer made it, if it is to be kept should one of its items fail. To be called before the function's
 * definition is applied to its options.
 */
export function failedJob({ name: task, opts }: QueuedJob, data: JobData): FailedJob | undefined {
  const { keepFailed } = data;
  if (keepFailed === undefined) return undefined;
  if (keepFailed !== true && data.args.length + (data.bytes ?? 0) > MAX_KEPT_BYTES) return undefined;
  // A backup is kept as the chunk's first job.
  const { kept: _kept, suspect: _suspect, stateSig: _stateSig, backup: _backup, ...given } = data;
  const { attempts = 0, backoff, priority = 0, telemetry } = opts;
  return {
    task,
    data: given,
    opts: {
      // BullMQ writes 0 if no number of attempts was given.
      ...(attempts === 0 ? {} : { attempts }),
      ...(typeof backoff === "object" ? { backoff: { ...backoff, delay: backoff.delay ?? 0 } } : {}),
      ...(priority === 0 ? {} : { priority }),
      // The trace is kept because the signature covers it.
      ...(telemetry?.metadata === undefined ? {} : { telemetry: { metadata: telemetry.metadata } }),
    },
  };
}
