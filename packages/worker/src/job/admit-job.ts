import { jobIdOf } from "@poolmq/shared/redis";

import { readJobData } from "../queue/read-job-data.ts";
import type { QueuedJob } from "../queue/job-queue.ts";
import { dropJob } from "./drop-job.ts";
import type { JobContext, JobInHand } from "./job-context.ts";
import { publishCorrupt } from "./publish-outcome.ts";

/**
 * Takes a job in hand: its lock is renewed from now on. Gives `undefined` for one that goes no further: it can't be
 * read, its signature is wrong, or nobody wants its map. Gives a promise only if Redis is to be asked or told.
 */
export function admitJob(
  context: JobContext,
  job: QueuedJob,
  token: string,
): JobInHand | undefined | Promise<JobInHand | undefined> {
  const jobId = job.id ?? "";
  const data = readJobData(job.data);
  if (typeof data === "string") return publishCorrupt(context, jobId, data);
  const named = jobIdOf(data.map, data.at);
  if (named !== jobId) return publishCorrupt(context, jobId, `its data is that of ${named}`);
  if (!context.seals.admits(job)) return undefined;
  context.locks.hold(jobId, token);
  const isUnwanted = context.unwanted.has(data.map, job);
  const hand = { job, data, token };
  return isUnwanted === false ? hand : dropUnwanted(context, hand, isUnwanted);
}

async function dropUnwanted(
  context: JobContext,
  hand: JobInHand,
  isUnwanted: Promise<boolean>,
): Promise<JobInHand | undefined> {
  if (!(await isUnwanted)) return hand;
  await dropJob(context, hand);
  return undefined;
}
