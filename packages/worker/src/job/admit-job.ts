import { backupIdOf, jobIdOf } from "@poolmq/shared/redis";

import { readJobData } from "../queue/read-job-data.ts";
import type { QueuedJob } from "../queue/begun-jobs.ts";
import { belongsElsewhere } from "./belongs-elsewhere.ts";
import { dropJob } from "./drop-job.ts";
import { handOn } from "./hand-back.ts";
import type { JobContext, JobInHand } from "./context/job-context.ts";
import { limitOf } from "./context/permits.ts";
import { publishCorrupt } from "./publish-outcome.ts";

/**
 * Admits a job, whose lock is renewed from now on. Gives `undefined` for a job that goes no further: it can't be read,
 * its signature is wrong, or nobody wants its map. Gives a promise only if a command to Redis is needed.
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
  const isBackup = named !== jobId;
  if (isBackup && (data.backup !== true || backupIdOf(data.map, data.at) !== jobId)) {
    return publishCorrupt(context, jobId, `its data is that of ${named}`);
  }
  if (!context.seals.admits(job)) return undefined;
  context.locks.hold(jobId, token);
  const isUnwanted = context.settled.has(named, data) || context.unwanted.has(data.map, job);
  const hand = { job, data, token };
  if (isBackup) return admitBackup(context, hand, isUnwanted);
  return isUnwanted === false ? hand : dropUnwanted(context, hand, isUnwanted);
}

/** Leaves a backup to another machine than the one that is slow, where it is of most use. */
async function admitBackup(
  context: JobContext,
  hand: JobInHand,
  isUnwanted: false | Promise<boolean>,
): Promise<JobInHand | undefined> {
  const admitted = await dropUnwanted(context, hand, Promise.resolve(isUnwanted));
  if (admitted !== undefined && (await belongsElsewhere(context, admitted)))
    return await handOn(context, admitted);
  return admitted;
}

async function dropUnwanted(
  context: JobContext,
  hand: JobInHand,
  isUnwanted: Promise<boolean>,
): Promise<JobInHand | undefined> {
  if (!(await isUnwanted)) return hand;
  const limit = limitOf(hand, context.machine.tasks);
  if (limit !== undefined) context.permits.leave(hand, limit);
  await dropJob(context, hand);
  return undefined;
}
