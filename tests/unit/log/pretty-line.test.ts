import { stripVTControlCharacters } from "node:util";

import { prettyLine } from "@poolmq/worker/internal";
import { afterEach, expect, test, vi } from "vitest";

const TIME = new Date(2026, 0, 2, 3, 4, 5, 6).getTime();

function line(facts: object): string {
  return prettyLine()(JSON.stringify({ level: 30, time: TIME, pid: 1, hostname: "h", ...facts }));
}

afterEach(() => vi.unstubAllEnvs());

test("a line has the time, the level and the message, then the facts", () => {
  vi.stubEnv("NO_COLOR", "1");
  expect(line({ msg: "machine ready", processes: 4, queue: "a b" })).toBe(
    '[03:04:05.006] INFO: machine ready  processes=4 queue="a b"\n',
  );
});

test("facts that say nothing are left out, and so is an empty message", () => {
  vi.stubEnv("NO_COLOR", "1");
  expect(line({ level: 40, queue: null, paused: false, worker: "w", tries: 0 })).toBe(
    "[03:04:05.006] WARN: tries=0\n",
  );
});

test("the stack of an error stands below, without Node's own frames", () => {
  vi.stubEnv("NO_COLOR", "1");
  const stack = "Error: no\n    at f (/app/tasks.ts:1:1)\n    at g (node:internal/x:1:1)";
  expect(line({ level: 50, msg: "lost", err: { stack } })).toBe(
    "[03:04:05.006] ERROR: lost\n    Error: no\n        at f (/app/tasks.ts:1:1)\n",
  );
});

test("colors are on unless NO_COLOR is set, and what a task printed adds none", () => {
  vi.stubEnv("NO_COLOR", undefined);
  const colored = line({ msg: "\u001B[31mred\u001B[2J", n: 1 });
  expect(colored).toContain("\u001B[32mINFO\u001B[39m");
  expect(colored).not.toContain("\u001B[31m");
  expect(stripVTControlCharacters(colored)).toBe("[03:04:05.006] INFO: red  n=1\n");
});

test("a level of the user's own is shown as one", () => {
  vi.stubEnv("NO_COLOR", "1");
  expect(line({ level: 35, msg: "x" })).toBe("[03:04:05.006] USERLVL: x\n");
});
