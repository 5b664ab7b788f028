/** Which runs a host is asked for, and whether what it says may wait. */

import { beforeEach, expect, test, vi } from "vitest";

import type { ToGuard } from "../../../packages/worker/src/pipe/pipe-messages.ts";
import { AskBack } from "../../../packages/worker/src/runs/ask-back.ts";
import { mayWait } from "../../../packages/worker/src/runs/may-wait.ts";
import { Ticket } from "../../../packages/worker/src/runs/run.ts";
import type { Run } from "../../../packages/worker/src/runs/run.ts";
import { SentRuns } from "../../../packages/worker/src/runs/sent-runs.ts";
import { aRun } from "./a-run.ts";
import { useFakeTimers } from "../../support/fake-timers.ts";

beforeEach(() => useFakeTimers());

interface Hosted {
  readonly sent: SentRuns;
  readonly back: AskBack;
  readonly tickets: readonly Ticket[];
  /** Places of the runs that it was asked for, by age. */
  readonly asked: () => number[];
}

/** A host that runs the first of these runs. */
function hostOf(runs: readonly Partial<Run>[]): Hosted {
  const sent = new SentRuns(16);
  const messages: ToGuard[] = [];
  const back = new AskBack({ sendToGuard: (message) => void messages.push(message) }, sent, 1);
  const tickets = runs.map((run, place) => new Ticket(aRun({ at: place + 1, ...run }), () => {}));
  const ids = tickets.map((ticket) => sent.add(ticket).id);
  const [first] = tickets;
  if (first !== undefined)
    Object.assign(first, { running: true, begun: true, runningSince: performance.now() });
  const asked = (): number[] => messages.map((message) => ids.indexOf("id" in message ? message.id : -1));
  return { sent, back, tickets, asked };
}

test("runs behind one that has been running for long are asked for, and the host is sent no others", () => {
  const { back, asked } = hostOf([{}, {}, {}]);
  back.revokeTrapped(false, 40);
  vi.advanceTimersByTime(20);
  expect([back.isLong(20), back.isLong(21)]).toEqual([true, false]);
  // It is the oldest a second time, but most take as long.
  back.revokeTrapped(false, 40);
  expect([asked(), back.isBlocked]).toEqual([[], false]);
  vi.advanceTimersByTime(20);
  back.revokeTrapped(false, 40);
  expect([asked(), back.isBlocked]).toEqual([[1, 2], true]);
});

test("for a host that has nothing to do, the run that would begin last is asked for", () => {
  const { back, asked } = hostOf([{}, {}, {}]);
  back.revokeLast();
  back.revokeLast();
  expect(asked()).toEqual([2]);
  const busy = hostOf([{}]);
  busy.back.revokeLast();
  expect(busy.asked()).toEqual([]);
});

test("what a host says may wait while two runs wait there, and none of its runs is urgent", () => {
  expect(mayWait(hostOf([{}, {}, {}]).sent, 1)).toBe(true);
  expect(mayWait(hostOf([{}, {}]).sent, 1)).toBe(false);
  const urgent: readonly Partial<Run>[] = [
    { at: 0 },
    { timeoutMs: 1_000 },
    { careful: true },
    { logs: true },
    { maxItems: 8 },
    { bytes: Buffer.alloc(1) },
  ];
  for (const run of urgent) expect(mayWait(hostOf([{}, run, {}]).sent, 1)).toBe(false);
  const { sent, tickets } = hostOf([{}, {}, {}]);
  Object.assign(tickets[1] ?? {}, { stopped: "cancelled" });
  expect(mayWait(sent, 1)).toBe(false);
});
