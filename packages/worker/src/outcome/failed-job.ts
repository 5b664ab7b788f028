import type { FailedJob, JobData } from "@poolmq/shared/internal";

import type { QueuedJob } from "../queue/job-queue.ts";

/** A job as its producer made it. To be asked before the function's definition is applied to its options. */
export function failedJob({ name: task, opts }: QueuedJob, data: JobData): FailedJob {
  const { kept: _kept, suspect: _suspect, stateSig: _stateSig, ...given } = data;
  const { attempts = 0, backoff, priority = 0 } = opts;
  return {
    task,
    data: given,
    opts: {
      // BullMQ writes 0 where no number of attempts was given.
      ...(attempts === 0 ? {} : { attempts }),
      ...(typeof backoff === "object" ? { backoff: { ...backoff, delay: backoff.delay ?? 0 } } : {}),
      ...(priority === 0 ? {} : { priority }),
    },
  };
}
