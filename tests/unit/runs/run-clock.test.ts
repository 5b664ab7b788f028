import { beforeEach, expect, test, vi } from "vitest";

import { Ticket } from "../../../packages/worker/src/runs/run.ts";
import { RunClock } from "../../../packages/worker/src/runs/run-clock.ts";
import type { SentRun } from "../../../packages/worker/src/runs/sent-runs.ts";
import { aRun } from "./a-run.ts";
import { useFakeTimers } from "../../support/fake-timers.ts";

beforeEach(() => useFakeTimers());

function clock(): { readonly clock: RunClock; readonly told: string[] } {
  const told: string[] = [];
  const events = { onLimit: () => void told.push("limit"), onOverdue: () => void told.push("overdue") };
  return { clock: new RunClock(500, events), told };
}

function sent(timeoutMs?: number): SentRun {
  const ticket = new Ticket(aRun({ timeoutMs }), () => {});
  return { id: 1, slot: 0, ticket, revoking: false, revoked: false, timer: undefined };
}

test("a run without a time limit has no clock", () => {
  const run = sent();
  clock().clock.startLimit(run);
  expect(run.timer).toBeUndefined();
});

test("a run reaches its limit, then the end of its grace", () => {
  const { clock: runs, told } = clock();
  const run = sent(1_000);
  runs.startLimit(run);
  vi.advanceTimersByTime(999);
  expect(told).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(told).toEqual(["limit"]);
  runs.startGrace(run);
  vi.advanceTimersByTime(500);
  expect(told).toEqual(["limit", "overdue"]);
});

test("each item of a watched run has the whole limit", () => {
  const { clock: runs, told } = clock();
  const run = sent(1_000);
  for (let item = 0; item < 5; item++) {
    runs.startLimit(run);
    vi.advanceTimersByTime(900);
  }
  runs.stop(run);
  vi.advanceTimersByTime(10_000);
  expect(told).toEqual([]);
});

test("one that was told to stop has no limit any more", () => {
  const { clock: runs, told } = clock();
  const run = sent(10);
  run.ticket.stopped = "cancelled";
  runs.startLimit(run);
  vi.advanceTimersByTime(100);
  expect(told).toEqual([]);
});
