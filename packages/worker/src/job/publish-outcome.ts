/** The last step of a job on this machine: its outcome goes to Redis. Only then, or in the same step, is it completed. */

import { isPlainOutcome, jobIdOf, MAP_TTL_MS } from "@poolmq/shared/redis";
import { toJson } from "@poolmq/shared/internal";
import type { Outcome } from "@poolmq/shared/redis";
import type { FailedJob, Failure, ItemOutcome, OutcomeText, RemoteInfo } from "@poolmq/shared/internal";

import type { RunEnd } from "../runs/run.ts";
import { dropJob } from "./drop-job.ts";
import { failedJob } from "../outcome/failed-job.ts";
import type { JobContext, JobInHand } from "./context/job-context.ts";
import { fitOutcomes } from "../outcome/fit-outcomes.ts";
import type { QueuedJob } from "../queue/begun-jobs.ts";
import { ranBy } from "../outcome/ran-by.ts";
import { outcomesOf } from "../outcome/verdict.ts";

/** The outcome of a job. */
export interface JobOutcome {
  readonly text: OutcomeText;
  /** The bytes that the text names. */
  readonly bytes?: Buffer | undefined;
  /** How its run ended, if there was one. */
  readonly end?: RunEnd;
  /** The job as it was, to be kept if one of its items failed. */
  readonly failed?: FailedJob | undefined;
}

/** Resolves once the outcome is safe in Redis, or nobody wants it. */
export async function publishOutcome(
  context: JobContext,
  hand: JobInHand,
  { text: whole, bytes, end, failed }: JobOutcome,
): Promise<void> {
  const { job, data, token } = hand;
  const { machine, seals, publisher, queue, unwanted, outcomeLimit } = context;
  const pid = end !== undefined && "pid" in end ? end.pid : 0;
  const text =
    outcomeLimit === undefined
      ? whole
      : fitOutcomes(whole, outcomeLimit, (offset) => infoOf(context, hand, offset, pid));
  context.reports.flush(data.map, data.at, data.n);
  const by = end !== undefined && "pid" in end ? ranBy(machine.id, end, job, data) : undefined;
  const kept =
    failed === undefined || text.startsWith("=") ? undefined : keptFor(context, failed, text, bytes);
  const outcome: Outcome = {
    at: data.at,
    ms: end?.kind === "done" ? end.ms : 0,
    text: seals.outcome(job, data, text, bytes),
    bytes,
    hadBytes: data.bytes !== undefined,
    by,
    ...(kept === undefined ? {} : { failed: kept }),
  };
  const publication = { mapId: data.map, outcome, ttlMs: data.ttlMs ?? MAP_TTL_MS };
  // The script tells a job by its map and index: a backup has another id than the job whose outcome it brings.
  const isPlain = job.id === jobIdOf(data.map, data.at) && isPlainOutcome(outcome) && isPlainJob(job);
  const wanted = isPlain
    ? await publisher.publishBy(() => queue.finish(job, token, publication), data.map, outcome)
    : await publisher.publish(data.map, outcome, publication.ttlMs);
  if (wanted) return machine.observer.published(job.name, data.cut ?? data.n, text);
  unwanted.add(data.map);
  await dropJob(context, { data });
}

/** Publishes the same failure for all items of a job that have no outcome. */
export async function publishFailure(context: JobContext, hand: JobInHand, failure: Failure): Promise<void> {
  const { job, data } = hand;
  context.log.warn({ mapId: data.map, index: data.at, failure: failure.code }, "item given up");
  const kept = new Map(data.kept);
  const outcomes = Array.from({ length: data.cut ?? data.n }, (_, offset): ItemOutcome => {
    return kept.get(offset) ?? { s: "failed", failure, by: infoOf(context, hand, offset, 0) };
  });
  await publishOutcome(context, hand, {
    text: `!${toJson(outcomes)}`,
    failed: failedJob(job, data),
  });
}

/** Publishes a failure for a job that can't be read. Its id still says which map and item it is of. */
export async function publishCorrupt(
  { log, seals, publisher, machine }: Pick<JobContext, "log" | "seals" | "publisher" | "machine">,
  jobId: string,
  reason: string,
): Promise<undefined> {
  log.error({ job: jobId, reason }, "corrupt job");
  // Without a valid signature, anybody may have written it. The producer enqueues the genuine job again.
  if (seals.required) return;
  const [, map, index] = /^([\w-]+)-(\d+)$/.exec(jobId) ?? [];
  if (map === undefined || index === undefined) return;
  const at = Number(index);
  const outcome: ItemOutcome = {
    s: "failed",
    failure: { code: "CORRUPT_JOB", reason },
    by: { task: "", index: at, attempt: 1, worker: machine.id, pid: 0 },
  };
  const corrupt = { at, ms: 0, text: `!${toJson([outcome])}` };
  await publisher.publish(map, corrupt, MAP_TTL_MS);
}

/** Where and when an item ran, for errors. */
export function infoOf(
  { machine }: Pick<JobContext, "machine">,
  { job, data }: JobInHand,
  offset: number,
  pid: number,
): RemoteInfo {
  return { task: job.name, index: data.at + offset, attempt: job.attemptsMade + 1, worker: machine.id, pid };
}

/** The job to be kept with its outcome, changed so that only the failed items run again. */
function keptFor(
  { seals }: JobContext,
  failed: FailedJob,
  text: OutcomeText,
  bytes: Buffer | undefined,
): FailedJob {
  if (failed.data.n === 1) return failed;
  const outcomes = outcomesOf(text, bytes);
  const kept = outcomes.flatMap((item, offset) => (item.s === "ok" ? [[offset, item] as const] : []));
  return kept.length === 0 ? failed : { ...failed, data: seals.state({ ...failed.data, kept }) };
}

/** Whether a job has nothing that BullMQ has to look after when it is done. */
function isPlainJob({ parentKey, deduplicationId, repeatJobKey }: QueuedJob): boolean {
  return parentKey === undefined && deduplicationId === undefined && repeatJobKey === undefined;
}
