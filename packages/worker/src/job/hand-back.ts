/** Moves jobs that are to run elsewhere, or later. The errors tell BullMQ that the job was moved already. */

import { DelayedError, WaitingError } from "@poolmq/shared/redis";

import { settlesWithin } from "@poolmq/shared/internal";

import type { JobContext, JobInHand } from "./context/job-context.ts";

/** How long a job waits whose task only other machines have, in ms. */
const HAND_ON_DELAY_MS = 100;

/** Puts a job back into the queue; it is not charged. */
export async function handBack({ locks }: JobContext, { job, token }: JobInHand): Promise<never> {
  locks.release(job.id ?? "", token);
  await job.moveToWait(token);
  throw new WaitingError();
}

/**
 * Ends the handling of a job that came to this machine a second time. The later call has its new lock, and handles it.
 */
export function leaveToOther(): never {
  throw new WaitingError();
}

/** Ends the handling of a job that waits for a permit: the script that put it in line has moved it. */
export function putOff({ locks }: JobContext, { job, token }: JobInHand): never {
  locks.release(job.id ?? "", token);
  throw new DelayedError();
}

/** Leaves a job to a machine that has its function. */
export async function handOn({ locks, machine }: JobContext, { job, token }: JobInHand): Promise<never> {
  locks.release(job.id ?? "", token);
  await job.moveToDelayed(Date.now() + HAND_ON_DELAY_MS, token);
  // The job occupies a place here until another machine has had its chance; otherwise this machine would always fetch it
  // again first.
  await settlesWithin(HAND_ON_DELAY_MS * (1 + Math.random()), machine.draining);
  throw new DelayedError();
}
