import { MemoryLimits } from "@poolmq/producer/internal";
import { afterEach, expect, test } from "vitest";

/** One start an hour: no clock decides. */
const HOURLY = { key: "k", ratePerSecond: 1 / 3_600 };

const called: string[] = [];
const limits = new MemoryLimits<string>((job) => called.push(job));

afterEach(() => {
  limits.close();
  called.length = 0;
});

/** Jobs are called in a turn of their own. */
const nextTurn = async (): Promise<void> => await new Promise((resolve) => setImmediate(resolve));

test("a start that did not come about is given to the next in line", async () => {
  expect([limits.take("a", HOURLY, 1), limits.take("b", HOURLY, 1)]).toEqual([true, false]);
  limits.give(HOURLY, 1);
  await nextTurn();
  expect(called).toEqual(["b"]);
  expect(limits.take("b", HOURLY, 1)).toBe(true);
  // One that ran has used its start up.
  expect(limits.take("c", HOURLY, 1)).toBe(false);
  limits.give(HOURLY, 0);
  await nextTurn();
  expect(called).toEqual(["b"]);
});

test("all starts of a chunk are given back, if it did not begin", () => {
  expect(limits.take("a", HOURLY, 50)).toBe(true);
  limits.give(HOURLY, 50);
  expect(limits.take("b", HOURLY, 1)).toBe(true);
});

test("who leaves the line gives up its place, and is not called", async () => {
  const one = { key: "k", concurrency: 1 };
  expect(["a", "b", "c"].map((job) => limits.take(job, one, 1))).toEqual([true, false, false]);
  limits.remove((job) => job === "b");
  limits.give(one, 0);
  await nextTurn();
  expect(called).toEqual(["c"]);
  expect(limits.waiting).toBe(0);
});
