import { setImmediate as nextTurn } from "node:timers/promises";

import { Opening } from "@poolmq/producer/internal";
import { expect, test } from "vitest";

const WITH_JOBS = { keys: ["done", "out", "in"], ttlMs: 1 } as const;

/** An opening that notes what was done, in order. */
function opening(isPlain: boolean, log: unknown[]): Opening {
  const kind = {
    traits: { isOurs: true, isDurable: !isPlain, ttlMs: 1, beatMs: 1_000, stages: false },
    ...(isPlain ? { opening: WITH_JOBS } : {}),
    open: async () => void log.push("open"),
  };
  const made = new Opening(kind, 0, (error) => log.push(error));
  made.begin();
  return made;
}

test("a plain map is opened with its first jobs, and not again with the next", async () => {
  const log: unknown[] = [];
  const opened = opening(true, log);
  await opened.with(async (how) => void log.push(how));
  await opened.with(async (how) => void log.push(how));
  await nextTurn();
  expect(log).toEqual([WITH_JOBS, undefined]);
});

test("a plain map whose first jobs do not come at once is opened before them", async () => {
  const log: unknown[] = [];
  const opened = opening(true, log);
  await nextTurn();
  await opened.with(async (how) => void log.push(how));
  expect(log).toEqual(["open", undefined]);
});

test("any other map is opened when it begins", async () => {
  const log: unknown[] = [];
  const opened = opening(false, log);
  await opened.with(async (how) => void log.push(how));
  expect(log).toEqual(["open", undefined]);
});

test("a map that ends before it has a job is not opened", async () => {
  const log: unknown[] = [];
  opening(true, log).close();
  await nextTurn();
  expect(log).toEqual([]);
});

test("a refusal of the first jobs is told as one of the opening", async () => {
  const log: unknown[] = [];
  const refusal = new Error("OOM");
  await expect(opening(true, log).with(() => Promise.reject(refusal))).rejects.toBe(refusal);
  expect(log).toEqual([refusal]);
});
