import { expect, test } from "vitest";

import { ReadCounts } from "@poolmq/producer/internal";

const MIB = 1024 * 1024;

test("few entries are read at once until their size is known, then up to 100", () => {
  const counts = new ReadCounts();
  expect(counts.next(1)).toBe(16);
  for (let read = 0; read < 10; read++) counts.saw([100, 200]);
  expect(counts.next(1)).toBe(100);
  expect(counts.next(100)).toBe(100);
});

test("large entries are read a few at once, and fewer if there are many streams", () => {
  const counts = new ReadCounts();
  for (let read = 0; read < 20; read++) counts.saw([100]);
  counts.saw([100, 4 * MIB]);
  expect(counts.next(1)).toBe(4);
  expect(counts.next(2)).toBe(2);
  expect(counts.next(1_000)).toBe(1);
  // Growing again takes a few reads: one that brings small ones says little of the next.
  counts.saw([100]);
  expect(counts.next(1)).toBe(16);
});

test("after a connection that was closed in a read, less is asked for, and more again after minutes", () => {
  const counts = new ReadCounts();
  for (let read = 0; read < 20; read++) counts.saw([1_000]);
  expect(counts.isTight(1_000_000, 0)).toBe(false);
  counts.cut(0);
  counts.cut(0);
  expect(counts.bytes).toBe(MIB);
  expect(counts.isTight(1, 0)).toBe(true);
  counts.caughtUp();
  expect(counts.isTight(1, 0)).toBe(false);
  counts.saw([200_000]);
  // Small ones do not make it forget the large ones.
  for (let read = 0; read < 20; read++) counts.saw([1_000]);
  expect(counts.next(1)).toBe(5);
  expect(counts.isTight(5, 0)).toBe(false);
  expect(counts.isTight(6, 0)).toBe(true);
  for (const [now, bytes] of [
    [59_999, MIB],
    [60_000, 2 * MIB],
    [60_001, 2 * MIB],
    [120_000, 4 * MIB],
  ] as const) {
    counts.isTight(1, now);
    expect(counts.bytes).toBe(bytes);
  }
  for (let cut = 0; cut < 20; cut++) counts.cut(0);
  expect(counts.bytes).toBe(16 * 1024);
});
