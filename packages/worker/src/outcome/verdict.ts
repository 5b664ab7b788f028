/**
 * What is to be done with a job after a run: the rules of attempts, losses and time limits, without any Redis.
 *
 * A job of several items may be run more than once for some of them. Outcomes that are certain are kept in the job's data
 * meanwhile. So items stay independent: none gets another one's error, or is charged for it.
 */

import { inText, toJson } from "@poolmq/shared/task";
import type { Failure, ItemOutcome, JobData, OutcomeText, RemoteInfo } from "@poolmq/shared/internal";

import type { RunEnd } from "../runs/run.ts";

export type Verdict =
  /** The job is done: publish, then acknowledge. */
  | { readonly do: "publish"; readonly text: OutcomeText; readonly bytes?: Buffer | undefined }
  /** Another attempt for the items that failed: BullMQ counts it and waits out the back-off. */
  | { readonly do: "retry"; readonly data: JobData }
  /** Run it again at once, here or elsewhere: no attempt is charged. */
  | { readonly do: "again"; readonly data: JobData }
  /** Its map was cancelled or has ended. */
  | { readonly do: "drop" };

export interface VerdictContext {
  readonly data: JobData;
  /** Which attempt this was, from 1, and how many there may be. */
  readonly attempt: number;
  readonly attempts: number;
  readonly workerLossAttempts: number;
  readonly timeoutMs: number | undefined;
  /** The items ran in a batch with those of other runs, so that it may not be known which of them did what. */
  readonly together?: boolean;
  info(offset: number, pid: number): RemoteInfo;
}

/** Judges how a run ended. */
export function verdictOn(end: RunEnd, context: VerdictContext): Verdict {
  const { data } = context;
  const n = itemsOf(data);
  switch (end.kind) {
    case "cancelled":
      return { do: "drop" };
    case "unstarted":
      return { do: "again", data };
    case "done":
      return end.text === "" ? onCovered(keptWith(data, end.outcomes), context) : onText(end, context);
    case "timeout": {
      const kept = keptWith(data, end.outcomes);
      if (end.running === undefined && context.together === true && kept.size < itemsOf(data)) {
        // Run each item alone then, so that each has the whole time limit.
        const { losses = 0 } = data.suspect ?? {};
        return { do: "again", data: { ...data, kept: [...kept], suspect: { offset: null, losses } } };
      }
      const failure: Failure = { code: "TASK_TIMEOUT", timeoutMs: context.timeoutMs ?? 0 };
      const offset = end.running ?? 0;
      kept.set(offset, { s: "failed", failure, by: context.info(offset, end.pid) });
      return onCovered(kept, context);
    }
    case "lost":
      return onLoss(end, context);
    case "interrupted": {
      const kept = keptWith(data, end.outcomes);
      return kept.size < n ? { do: "again", data: { ...data, kept: [...kept] } } : onCovered(kept, context);
    }
    default:
      return end satisfies never;
  }
}

/** A whole job in one text, which need not be opened unless some of its items are tried again. */
function onText(end: Extract<RunEnd, { kind: "done" }>, context: VerdictContext): Verdict {
  const { data, attempt, attempts } = context;
  // Negated, so that a count that was damaged in Redis (NaN) ends the attempts; otherwise the job would be tried for
  // ever.
  if (end.retriable === 0 || !(attempt < attempts)) {
    return { do: "publish", text: end.text, bytes: end.bytes };
  }
  if (itemsOf(data) === 1) return { do: "retry", data: withoutSuspect(data) };
  return onCovered(new Map(outcomesOf(end.text, end.bytes).entries()), context);
}

/** The outcomes of a job in the form in which they can be kept: with their bytes in the text. */
export function outcomesOf(text: OutcomeText, bytes: Buffer | undefined): ItemOutcome[] {
  const outcomes = JSON.parse(text.slice(1)) as ItemOutcome[];
  if (bytes === undefined) return outcomes;
  return outcomes.map((item) => (item.s === "ok" ? { ...item, value: inText(item.value, bytes) } : item));
}

/** Decides by the certain outcomes: run the other items, try some again, or publish. */
function onCovered(outcomes: ReadonlyMap<number, ItemOutcome>, context: VerdictContext): Verdict {
  const { data, attempt, attempts } = context;
  const n = itemsOf(data);
  if (outcomes.size < n) {
    return { do: "again", data: { ...withoutSuspect(data), kept: [...outcomes] } };
  }
  const certain = [...outcomes].filter(([, outcome]) => !isRetriable(outcome));
  if (certain.length < n && attempt < attempts) {
    return { do: "retry", data: { ...withoutSuspect(data), kept: certain } };
  }
  const inOrder = [...outcomes].toSorted(([a], [b]) => a - b).map(([, outcome]) => outcome);
  return { do: "publish", text: `!${toJson(inOrder)}` };
}

function onLoss(end: Extract<RunEnd, { kind: "lost" }>, context: VerdictContext): Verdict {
  const { data, workerLossAttempts } = context;
  const { suspect } = data;
  const kept = keptWith(data, end.outcomes);
  const before = { ...data, ...(kept.size === 0 ? {} : { kept: [...kept] }) };
  if (end.running === undefined) {
    // It is not known which of its items caused the loss. The next run reports them one by one, and the loss is then
    // charged to the item that is found.
    return {
      do: "again",
      data: { ...before, suspect: { offset: null, losses: (suspect?.losses ?? 0) + 1 } },
    };
  }
  const offset = end.running;
  const isOld = suspect !== undefined && (suspect.offset === null || suspect.offset === offset);
  const losses = (isOld ? suspect.losses : 0) + 1;
  if (losses < workerLossAttempts) return { do: "again", data: { ...before, suspect: { offset, losses } } };
  const { exitCode, signal, outOfMemory } = end.exit;
  const { thrown } = end;
  const facts = { code: "WORKER_LOST", losses, exitCode, signal, outOfMemory } as const;
  const failure: Failure = thrown === undefined ? facts : { ...facts, thrown };
  kept.set(offset, { s: "failed", failure, by: context.info(offset, end.pid) });
  return onCovered(kept, context);
}

function keptWith(data: JobData, outcomes: ReadonlyMap<number, ItemOutcome>): Map<number, ItemOutcome> {
  return new Map([...(data.kept ?? []), ...outcomes]);
}

/** The number of items for which the job brings outcomes: the others were given back. */
function itemsOf({ n, cut = n }: JobData): number {
  return cut;
}

function withoutSuspect({ suspect: _, ...data }: JobData): JobData {
  return data;
}

function isRetriable(outcome: ItemOutcome): boolean {
  if (outcome.s === "threw") return outcome.final !== true;
  return outcome.s === "failed" && outcome.failure.code === "TASK_TIMEOUT";
}
