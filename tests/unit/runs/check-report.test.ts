/** What a host reports is checked before anybody else reads it. */

import { expect, test } from "vitest";

import { checkDone, checkItem, checkSaid } from "../../../packages/worker/src/runs/check-report.ts";
import { Ticket } from "../../../packages/worker/src/runs/run.ts";
import { aRun } from "./a-run.ts";

const done = { t: "done", id: 1, ms: 1, retriable: 0 } as const;
const by = { task: "t", index: 0, attempt: 1, worker: "w", pid: 1 };
const threw = JSON.stringify({ s: "threw", thrown: "1", by });

test.for(["=[1]", `![${threw}]`, "![]"])("the outcomes %o are taken", (text) => {
  checkDone(done, text, undefined);
});

test.for([
  "x",
  "!",
  "!{",
  "!null",
  "![null]",
  "![1]",
  '![{"s":"ok"}]',
  '![{"s":"failed"}]',
  '![{"s":"threw","thrown":"1"}]',
])("the outcomes %o are refused", (text) => {
  expect(() => checkDone(done, text, undefined)).toThrow();
});

test("a run of which items failed has their outcomes", () => {
  expect(() => checkDone({ ...done, retriable: 1 }, "=[1]", undefined)).toThrow("without its outcomes");
  checkDone({ ...done, retriable: 1 }, `![${threw}]`, undefined);
});

test.for([{ ms: -1 }, { ms: Infinity }, { ms: "1" as never }, { ownMs: -1 }, { retriable: NaN }])(
  "the numbers %o are refused",
  (numbers) => {
    expect(() => checkDone({ ...done, ...numbers }, "=[1]", undefined)).toThrow("its time and its count");
  },
);

test("a run without a text has reported each of its items, unless it was stopped or cut", () => {
  const ticket = new Ticket(aRun({ n: 3, skip: [0] }), () => {});
  ticket.ended(1, { s: "ok", value: "1" });
  expect(() => checkDone(done, "", ticket)).toThrow("without its outcomes");
  checkDone({ ...done, cut: 2 }, "", ticket);
  ticket.ended(2, { s: "ok", value: "1" });
  checkDone(done, "", ticket);
  const stopped = new Ticket(aRun({ n: 3 }), () => {});
  stopped.stopped = "cancelled";
  checkDone(done, "", stopped);
});

test("items are those of the run, with outcomes that can be read", () => {
  checkItem(undefined, undefined, 3);
  checkItem(2, undefined, 3);
  checkItem(2, threw, 3);
  for (const offset of [-1, 3, 0.5, 1e9, "0" as never])
    expect(() => checkItem(offset, undefined, 3)).toThrow("an item that the run has not");
  expect(() => checkItem(undefined, threw, 3)).toThrow("an item that the run has not");
  for (const outcome of ["null", "1", "{}"])
    expect(() => checkItem(0, outcome, 3)).toThrow("without its outcome");
});

test("lines and progress are of the run's items, and lines can be read", () => {
  const run = { at: 10, n: 2 };
  checkSaid({ t: "progress", id: 1, index: 11 }, "anything: only the producer reads it", run);
  checkSaid({ t: "log", id: 1, index: 10 }, '["stdout","text"]', run);
  for (const index of [9, 12, {} as never])
    expect(() => checkSaid({ t: "progress", id: 1, index }, "1", run)).toThrow("a word of an item");
  for (const line of ["{{", "null", "[1,2]", '["stdout"]'])
    expect(() => checkSaid({ t: "log", id: 1, index: 10 }, line, run)).toThrow();
});
