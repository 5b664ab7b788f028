import { expect, test } from "vitest";

import { beginRun } from "../../../packages/worker/src/job/begin-run.ts";
import type { JobInHand } from "../../../packages/worker/src/job/context/job-context.ts";
import type { RunEnd } from "../../../packages/worker/src/runs/run.ts";
import { aRun } from "../runs/a-run.ts";

const DATA: JobInHand["data"] = { v: 2, map: "m", at: 3, n: 1, args: "[[1]]", ttlMs: 1_000 };

const JOB = { job: { id: "m-3" }, data: DATA };
const BACKUP = { job: { id: "m-3-b" }, data: { ...DATA, backup: true as const } };

test.for([
  { isCancelled: false, isSettled: false as const, ran: 1, end: "unstarted" },
  { isCancelled: true, isSettled: false as const, ran: 0, end: "cancelled" },
  { isCancelled: false, isSettled: Promise.resolve(true), ran: 0, end: "cancelled" },
  // It was settled, and a failed item of it was sent once more since.
  { isCancelled: false, isSettled: Promise.resolve(false), ran: 1, end: "unstarted" },
])(
  "a run begins unless its map was cancelled or its chunk settled since: $isCancelled, $isSettled",
  async ({ isCancelled, isSettled, ran, end }) => {
    const asked: string[] = [];
    let runs = 0;
    const run = async (): Promise<RunEnd> => {
      runs++;
      return await Promise.resolve({ kind: "unstarted" });
    };
    const context = {
      unwanted: { knows: (mapId: string) => isCancelled && mapId === "m" },
      settled: { has: (jobId: string) => (asked.push(jobId), isSettled) },
      crew: { run },
    };
    for (const hand of [JOB, BACKUP]) expect((await beginRun(context, hand, aRun())).kind).toBe(end);
    expect(runs).toBe(2 * ran);
    expect(asked).toEqual(isCancelled ? [] : ["m-3", "m-3"]);
  },
);
