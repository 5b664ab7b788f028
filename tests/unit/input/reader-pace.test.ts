import { ReaderPace } from "@poolmq/producer/internal";
import { expect, test } from "vitest";

test("a stream that was never read has no reader, some seconds after its pool was closed", () => {
  const pace = new ReaderPace();
  expect([14_999, 15_000].map((now) => pace.isGone(now, 10_000))).toEqual([false, true]);
});

test("a reader that stops is gone after a while", () => {
  const pace = new ReaderPace();
  pace.read(0);
  pace.read(100);
  expect([10_099, 10_100].map((now) => pace.isGone(now, 0))).toEqual([false, true]);
});

test("a reader that is slow gets five times the longest pause that it made", () => {
  const pace = new ReaderPace();
  for (const now of [0, 30_000, 31_000]) pace.read(now);
  expect([180_999, 181_000].map((now) => pace.isGone(now, 0))).toEqual([false, true]);
});

test("the time before the pool was closed does not count", () => {
  const pace = new ReaderPace();
  pace.read(0);
  expect([69_999, 70_000].map((now) => pace.isGone(now, 60_000))).toEqual([false, true]);
});

test("a reader that waits for an item is not gone, however long that takes", () => {
  const pace = new ReaderPace();
  pace.waits(1);
  expect(pace.isGone(1_000_000, 0)).toBe(false);
  pace.waits(0);
  expect(pace.isGone(1_000_000, 0)).toBe(true);
});
