/** Jobs that are to run elsewhere, or later. BullMQ learns by these errors that the job was moved already. */

import { DelayedError, WaitingError } from "bullmq";

import { settlesWithin } from "@poolmq/shared/internal";

import type { JobContext, JobInHand } from "./context/job-context.ts";

/** A job whose function is registered elsewhere is looked at again after this long. */
const HAND_ON_DELAY_MS = 100;

/** Puts a job back into the queue, uncharged. */
export async function handBack({ locks }: JobContext, { job, token }: JobInHand): Promise<never> {
  locks.release(job.id ?? "", token);
  await job.moveToWait(token);
  throw new WaitingError();
}

/** Lets go of a job that came to this machine a second time: under its new lock, it is not this call's any more. */
export function leaveToOther(): never {
  throw new WaitingError();
}

/** Lets go of a job that waits for a permit of its limit: the step that put it in line has moved it. */
export function putOff({ locks }: JobContext, { job, token }: JobInHand): never {
  locks.release(job.id ?? "", token);
  throw new DelayedError();
}

/** Leaves a job to a machine that has its function. */
export async function handOn({ locks, machine }: JobContext, { job, token }: JobInHand): Promise<never> {
  locks.release(job.id ?? "", token);
  await job.moveToDelayed(Date.now() + HAND_ON_DELAY_MS, token);
  // Its place here stays taken until another machine has had its chance: the first to look would always be this one.
  await settlesWithin(HAND_ON_DELAY_MS * (1 + Math.random()), machine.draining);
  throw new DelayedError();
}
