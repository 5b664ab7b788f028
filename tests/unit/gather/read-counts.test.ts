import { expect, test } from "vitest";

import { ReadCounts } from "@poolmq/producer/internal";

const MIB = 1024 * 1024;

test("few entries are read at once until their size is known, then up to 500", () => {
  const counts = new ReadCounts();
  expect(counts.next(1)).toBe(16);
  for (let read = 0; read < 10; read++) counts.saw([100, 200]);
  expect(counts.next(1)).toBe(500);
  expect(counts.next(100)).toBe(500);
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
