/**
 * One job's way through a machine, from fetched to acknowledged:
 *
 *   admitted ─▶ refused? ─▶ arguments ─▶ run ─▶ verdict ─▶ published ─▶ (BullMQ acknowledges)
 *
 * Returning lets BullMQ complete the job, unless it was completed with its outcome. That must happen only once its outcome
 * is in Redis, or nobody wants it: "publish, then acknowledge".
 */

import { classifyRefusal, free } from "@poolmq/shared/internal";
import type { TaskInfo } from "@poolmq/shared/internal";

import type { Run, RunEnd } from "../runs/run.ts";
import type { QueuedJob } from "../queue/begun-jobs.ts";
import { admitJob } from "./admit-job.ts";
import { beginRun } from "./begin-run.ts";
import { dropJob } from "./drop-job.ts";
import { failedJob } from "../outcome/failed-job.ts";
import { handBack, handOn, leaveToOther, putOff } from "./hand-back.ts";
import { hasMore, NOTHING_MORE, readMore } from "./job-arguments.ts";
import type { JobArguments } from "./job-arguments.ts";
import type { JobContext, JobInHand } from "./context/job-context.ts";
import { logFailures } from "./log-failures.ts";
import { limitOf } from "./context/permits.ts";
import { infoOf, publishFailure, publishOutcome } from "./publish-outcome.ts";
import type { JobOutcome } from "./publish-outcome.ts";
import { refuseJob } from "./refuse-job.ts";
import { traceOf } from "./trace-of.ts";
import { afterCut, mayBeCut, skippedOf } from "../outcome/after-cut.ts";
import { verdictOn } from "../outcome/verdict.ts";
import type { Verdict } from "../outcome/verdict.ts";

/** Outcomes of fewer bytes than this are not counted: all that a machine has in hand are little together. */
const LARGE_BYTES = 16 * 1024;

/** Handles a job from its fetch to the moment at which BullMQ may complete it. */
export function processJob(context: JobContext, job: QueuedJob, token: string): Promise<void> {
  // The first steps of most jobs are synchronous, because each promise costs a good part of a tiny job's time.
  const hand = accepted(context, job, token);
  return hand instanceof Promise ? hand.then((later) => whenReady(context, later)) : whenReady(context, hand);
}

/** Gives `undefined` for a job that goes no further, with which everything was done that is necessary. */
function accepted(
  context: JobContext,
  job: QueuedJob,
  token: string,
): JobInHand | undefined | Promise<JobInHand | undefined> {
  const hand = admitJob(context, job, token);
  if (hand === undefined) return undefined;
  if (hand instanceof Promise) return hand.then((later) => later && unlessRefused(context, later));
  const refused = refuseJob(context, hand);
  return refused === undefined ? hand : unlessRefused(context, hand, refused);
}

async function unlessRefused(
  context: JobContext,
  hand: JobInHand,
  refused: ReturnType<typeof refuseJob> = refuseJob(context, hand),
): Promise<JobInHand | undefined> {
  const refusal = await refused;
  if (refusal === undefined) return hand;
  if (refusal === "elsewhere") return await handOn(context, hand);
  leaveLine(context, hand);
  await publishFailure(context, hand, refusal);
  return undefined;
}

function whenReady(context: JobContext, hand: JobInHand | undefined): Promise<void> {
  if (hand === undefined) return Promise.resolve();
  const waits = hasMore(hand.data) || context.held.isFull;
  return waits ? runWithMore(context, hand) : runJob(context, hand, NOTHING_MORE);
}

/** Waits for room, fetches what the job's arguments need in addition to their text, and runs the job. */
async function runWithMore(context: JobContext, hand: JobInHand): Promise<void> {
  const { bytes = 0 } = hand.data;
  await context.held.take(bytes);
  try {
    const given = await readMore(context, hand);
    if (given === "gone") return leaveLine(context, hand);
    if (!("failure" in given)) {
      await runJob(context, hand, given);
      if (given.bytes !== undefined) free(given.bytes);
      return;
    }
    leaveLine(context, hand);
    await publishFailure(context, hand, given.failure);
  } finally {
    context.held.give(bytes);
  }
}

/** Runs a job that has all of its arguments, and then publishes, retries or drops it, as the verdict says. */
async function runJob(context: JobContext, hand: JobInHand, given: JobArguments): Promise<void> {
  const { job, token } = hand;
  // Made before the definition's options are applied, which are not to be kept with the job.
  const failed = failedJob(job, hand.data);
  const info = context.machine.tasks[job.name];
  applyDefinition(job, info);

  const run = runOf(context, hand, given, info);
  const begin = (): Promise<RunEnd> => beginRun(context, hand, run);
  const limit = hand.data.limit ?? info?.limit;
  const end = await context.runs.run(
    job.id ?? "",
    token,
    limit === undefined
      ? begin
      : () => context.permits.run(hand, limit, info?.maxItems === undefined ? hand.data.n : 1, begin),
  );
  if (end === "taken over") return leaveToOther();
  if (end === "put off") return putOff(context, hand);
  if (end.kind === "done") context.machine.observer.ran(job, end.ms);
  const left: JobInHand = { ...hand, data: afterCut(hand.data, end) };
  logFailures(context, left, end);

  const verdict = judge(context, left, run, end);
  switch (verdict.do) {
    case "publish":
      return await publishHeld(context, left, { ...verdict, end, failed });
    case "retry":
      await keepState(context, hand, verdict.data);
      // The user's error is not passed on: BullMQ takes some errors as commands.
      throw new Error("an item failed and has attempts left");
    case "again":
      await keepState(context, hand, verdict.data);
      return await handBack(context, left);
    case "drop":
      return await dropJob(context, left);
    default:
      verdict satisfies never;
  }
}

/**
 * Publishes an outcome and counts its bytes meanwhile, so that no run begins while unpublished outcomes fill the room.
 */
function publishHeld(context: JobContext, hand: JobInHand, outcome: JobOutcome): Promise<void> {
  const bytes = outcome.text.length + (outcome.bytes?.length ?? 0);
  if (bytes < LARGE_BYTES) return publishOutcome(context, hand, outcome);
  context.held.add(bytes);
  return publishOutcome(context, hand, outcome)
    .finally(() => context.held.give(bytes))
    .then(() => {
      if (outcome.bytes !== undefined) free(outcome.bytes);
    });
}

/** Gives up the place in line of a job that is not run after all. */
function leaveLine({ permits, machine }: JobContext, hand: JobInHand): void {
  const limit = limitOf(hand, machine.tasks);
  if (limit !== undefined) permits.leave(hand, limit);
}

/** Fills in options that the producer left open, from the function's definition. */
function applyDefinition(job: QueuedJob, info: TaskInfo | undefined): void {
  // Otherwise, BullMQ would store the stack of an error that only means "again".
  job.opts.stackTraceLimit = 0;
  // BullMQ writes 0 if no number of attempts was given.
  if ((job.opts.attempts ?? 0) === 0) job.opts.attempts = info?.attempts ?? 1;
  if (job.opts.backoff === undefined && info?.backoff !== undefined) {
    const { type, delayMs, jitter } = info.backoff;
    job.opts.backoff = { type, delay: delayMs, jitter: jitter ?? 0 };
  }
}

function runOf(
  { machine, outcomeLimit, reports }: JobContext,
  { job, data }: JobInHand,
  { bytes, shares }: JobArguments,
  info: TaskInfo | undefined,
): Run {
  const { map, at, n, args, kept = [], suspect } = data;
  const timeoutMs = data.timeoutMs ?? info?.timeoutMs;
  const maxItems = suspect === undefined ? info?.maxItems : undefined;
  const trace = traceOf(job);
  // Only the first run: later ones follow other runs, so that the time since it was enqueued is not a wait.
  const isTimed = trace !== undefined && suspect === undefined && job.attemptsMade === 0;
  return {
    fn: job.name,
    map,
    at,
    n,
    attempt: job.attemptsMade + 1,
    args,
    bytes,
    // A careful run: each item has a time limit, or the item that causes losses is to be found, or only some items are
    // run.
    careful:
      (n > 1 || maxItems !== undefined) &&
      (timeoutMs !== undefined || suspect !== undefined || kept.length > 0),
    skip: skippedOf(data),
    shares,
    reduce: data.reduce,
    trace,
    enqueuedAtMs: isTimed ? job.timestamp : undefined,
    // Callers who may not see where a task failed may not see what it prints either.
    logs: data.logs === true && !machine.redactRemoteStacks,
    reports,
    outcomeLimit,
    timeoutMs,
    maxItems,
    onCut: mayBeCut(data, job.attemptsMade + 1) ? (items) => reports.cut(map, at, items) : undefined,
    isBackup: data.backup === true,
  };
}

function judge(context: JobContext, hand: JobInHand, run: Run, end: RunEnd): Verdict {
  return verdictOn(end, {
    data: hand.data,
    attempt: run.attempt,
    attempts: hand.job.opts.attempts ?? 1,
    workerLossAttempts: context.machine.workerLossAttempts,
    timeoutMs: run.timeoutMs,
    together: run.maxItems !== undefined,
    info: (offset, pid) => infoOf(context, hand, offset, pid),
  });
}

/** Stores in the job's data what its next run must know. */
async function keepState(
  { seals, publisher }: JobContext,
  { job, data }: JobInHand,
  next: JobInHand["data"],
): Promise<void> {
  if (next === data) return;
  const state = seals.state(next);
  const facts = { mapId: data.map, index: data.at };
  await publisher.untilTaken(
    "state of a job refused, trying again",
    facts,
    () => job.updateData(state),
    (error) => !classifyRefusal(error).passes,
  );
}
