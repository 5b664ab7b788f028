/** What one host has in hand: the clocks of runs that are given back, or that begin after they were told to stop. */

import { beforeEach, expect, test, vi } from "vitest";

import type { Host } from "../../../packages/worker/src/host/host.ts";
import type { ToChild, ToGuard } from "../../../packages/worker/src/pipe/pipe-messages.ts";
import { HostRuns } from "../../../packages/worker/src/runs/host-runs.ts";
import type { RunEnd } from "../../../packages/worker/src/runs/run.ts";
import { Ticket } from "../../../packages/worker/src/runs/run.ts";
import { aRun } from "./a-run.ts";
import { useFakeTimers } from "../../support/fake-timers.ts";

beforeEach(() => {
  useFakeTimers();
});

/** A host that says nothing by itself, and what it was told. */
function quietHost(
  timeoutMs?: number,
  n = 1,
): {
  readonly runs: HostRuns;
  readonly ticket: Ticket;
  readonly id: number;
  readonly told: readonly (ToChild | ToGuard)[];
  readonly given: readonly Ticket[];
  readonly overdue: readonly Ticket[];
  readonly ends: readonly RunEnd[];
} {
  const told: (ToChild | ToGuard)[] = [];
  const given: Ticket[] = [];
  const overdue: Ticket[] = [];
  const tell = (message: ToChild | ToGuard): void => void told.push(message);
  const host: Host = {
    pid: 1,
    send: tell,
    sendToGuard: tell,
    flush: () => {},
    residentBytes: () => undefined,
    hasPrograms: () => false,
    kill: () => {},
  };
  const runs = new HostRuns(
    host,
    { concurrency: 1, killGraceMs: 500 },
    { onGivenBack: (ticket) => void given.push(ticket), onOverdue: (ticket) => void overdue.push(ticket) },
  );
  const ends: RunEnd[] = [];
  const ticket = new Ticket(aRun({ timeoutMs, n }), (end) => void ends.push(end));
  runs.send(ticket);
  const [id = 0] = told.flatMap((message) => (message.t === "run" ? [message.id] : []));
  return { runs, ticket, id, told, given, overdue, ends };
}

test("the time limit of a run that is given back ends there: on the next host it has all of its time", () => {
  const { runs, ticket, id, given } = quietHost(1_000);
  // Neither can be true of one run. A host that a task has broken may say both.
  runs.begun(id);
  runs.skipped(id);
  expect(given).toEqual([ticket]);
  vi.advanceTimersByTime(10_000);
  expect(ticket.stopped).toBeUndefined();
});

test("a run that was taken back has not begun, although the host announced it as the next before it knew of that", () => {
  const { runs, told, given } = quietHost(1_000);
  const next = new Ticket(aRun({ timeoutMs: 1_000 }), () => {});
  runs.send(next);
  const id = told.flatMap((message) => (message.t === "run" ? [message.id] : [])).at(-1) ?? 0;
  runs.back.revokeLast();
  runs.guardAnswered({ t: "revoked", id, ok: true });
  expect(given).toEqual([next]);
  runs.begun(id);
  runs.skipped(id);
  expect([next.begun, next.running]).toEqual([false, false]);
  vi.advanceTimersByTime(10_000);
  expect(next.stopped).toBeUndefined();
});

test("a run that had begun on a host that was killed for another one is charged on the next host only if it begins there", () => {
  const { runs, ticket, id, given } = quietHost();
  runs.begun(id);
  const exit = { exitCode: null, signal: "SIGKILL", outOfMemory: false } as const;
  const end = { exit, pid: 1, lastWords: undefined, wasKilled: true, hasWorked: true };
  expect(runs.end(end)).toEqual([]);
  expect(given).toEqual([ticket]);
  const next = quietHost();
  next.runs.send(ticket);
  expect(next.runs.end({ ...end, wasKilled: false })).toEqual([]);
  expect(next.given).toContain(ticket);
});

test("a run that begins after it was told to stop has its grace, and is overdue then", () => {
  const { runs, ticket, id, told, overdue } = quietHost();
  runs.stop("cancelled", () => true);
  expect(told.at(-1)).toMatchObject({ t: "revoke", id });
  vi.advanceTimersByTime(10_000);
  expect(overdue).toEqual([]);
  // It had begun when it was asked back.
  runs.guardAnswered({ t: "revoked", id, ok: false });
  vi.advanceTimersByTime(499);
  expect(overdue).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(overdue).toEqual([ticket]);
});

test("a chunk that nobody wants any more begins no further item while it may still end by itself", () => {
  const cancelled = quietHost(undefined, 3);
  cancelled.runs.begun(cancelled.id);
  cancelled.runs.stop("cancelled", () => true);
  expect(cancelled.told).toContainEqual({ t: "cut", id: cancelled.id, slot: expect.any(Number) as number });
  cancelled.runs.guardAnswered({ t: "cut", id: cancelled.id, items: 1 });
  // The others are not given to another host.
  expect(cancelled.ticket.cut).toBeUndefined();
  expect(cancelled.given).toEqual([]);
  for (const [why, n] of [
    ["cancelled", 1],
    ["timeout", 3],
  ] as const) {
    const other = quietHost(undefined, n);
    other.runs.begun(other.id);
    other.runs.stop(why, () => true);
    expect(other.told.map(({ t }) => t)).not.toContain("cut");
  }
});

test("an ended item of a chunk, whose leftover keeps the others from running, is not named as the one that ran", () => {
  const { runs, id, ends } = quietHost(undefined, 3);
  runs.begun(id);
  const lastWords = { id, offset: 1, thrown: undefined, isOwn: true };
  const exit = { exitCode: null, signal: "SIGKILL", outOfMemory: false } as const;
  runs.end({ exit, pid: 1, lastWords, wasKilled: false, hasWorked: true });
  // So it runs again item by item, and then it is known which have ended.
  expect(ends).toMatchObject([{ kind: "lost", running: undefined }]);
});
