import type { FailedJob, JobData } from "@poolmq/shared/internal";

import type { QueuedJob } from "../queue/job-queue.ts";

/** If a map keeps only some of its failed jobs, larger jobs than this are not kept: Redis has its memory for the queue. */
const MAX_KEPT_BYTES = 64 * 1024;

/**
 * A job as its producer made it, if it is to be kept in case that one of its items fails. To be asked before the function's
 * definition is applied to its options.
 */
export function failedJob({ name: task, opts }: QueuedJob, data: JobData): FailedJob | undefined {
  const { keepFailed } = data;
  if (keepFailed === undefined) return undefined;
  if (keepFailed !== true && data.args.length + (data.bytes ?? 0) > MAX_KEPT_BYTES) return undefined;
  // It is tried again as the chunk's own job.
  const { kept: _kept, suspect: _suspect, stateSig: _stateSig, backup: _backup, ...given } = data;
  const { attempts = 0, backoff, priority = 0, telemetry } = opts;
  return {
    task,
    data: given,
    opts: {
      // BullMQ writes 0 where no number of attempts was given.
      ...(attempts === 0 ? {} : { attempts }),
      ...(typeof backoff === "object" ? { backoff: { ...backoff, delay: backoff.delay ?? 0 } } : {}),
      ...(priority === 0 ? {} : { priority }),
      // It is signed with the others.
      ...(telemetry?.metadata === undefined ? {} : { telemetry: { metadata: telemetry.metadata } }),
    },
  };
}
