/** Private parts of BullMQ 6.7's loop that fetches a worker's jobs. */

import type { Job, JobJson } from "bullmq";

export interface MainLoop {
  /** The promises that the loop waits for: jobs that are being fetched, wait, or run. */
  readonly mainLoopQueue?: {
    numTotal(): number;
    add(job: Promise<Job<unknown, null> | undefined>): void;
  } | null;
  /** The last fetch found nothing. */
  drained: boolean;
  /** Notes how long the queue is limited, and when the next delayed job is due. */
  updateDelays(limitDelay?: number, delayUntil?: number): void;
}

/** What BullMQ builds a job from: its data, its id, the token of its lock. */
export type FetchedJob = [data?: JobJson, jobId?: string, token?: string];

/** An entry that makes the loop look at once whether it may fetch. */
export const NO_JOB: Promise<undefined> = Promise.resolve(undefined);
