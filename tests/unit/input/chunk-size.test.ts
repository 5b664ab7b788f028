import { autoChunks } from "@poolmq/producer/internal";
import { expect, test } from "vitest";

import { ChunkReader } from "../../../packages/producer/src/map/chunk-reader.ts";

const endless = (): undefined => undefined;
const two = (): number => 2;

test("before anything was measured, a few jobs of one item go at once", () => {
  const size = autoChunks(endless, two);
  expect([size.next(), size.ahead]).toEqual([1, 16]);
});

test("a size far above what was measured is a guess, and few jobs of it go at once", () => {
  const size = autoChunks(endless, two);
  size.measured(1, 0.05, 0);
  expect(size.next()).toBe(4_000);
  expect(size.ahead).toBe(8);
  size.measured(4_000, 200, 0);
  expect([size.next(), size.ahead]).toEqual([4_000, Infinity]);
});

test("what a larger job shows outweighs what small ones have shown, whichever comes first", () => {
  const tiny = autoChunks(endless, two);
  for (let i = 0; i < 20; i++) tiny.measured(1, 0.05, 0);
  tiny.measured(400, 0.1, 0);
  expect(tiny.next()).toBeGreaterThan(5_000);
  for (let i = 0; i < 40; i++) tiny.measured(1, 0.05, 0);
  expect(tiny.next()).toBeGreaterThan(1_000);
});

test("a function that gets long is cut small at once", () => {
  const size = autoChunks(endless, two);
  for (let i = 0; i < 10; i++) size.measured(10_000, 1, 0);
  expect(size.next()).toBe(16_000);
  size.measured(2, 160, 0);
  size.measured(2, 160, 0);
  expect(size.next()).toBeLessThanOrEqual(4);
});

test("a long function is never given more than one item", () => {
  const size = autoChunks(endless, two);
  for (let i = 0; i < 50; i++) {
    size.measured(1, 120, 0);
    expect([size.next(), size.ahead]).toEqual([1, Infinity]);
  }
});

test("the last items are spread over all workers", () => {
  let left = 8_000;
  const size = autoChunks(() => left, two);
  size.measured(1_000, 1, 0);
  expect(size.next()).toBe(1_000);
  left = 800;
  // Half a millisecond of work is not cut smaller.
  expect(size.next()).toBe(500);
  size.measured(1_000, 1_000, 0);
  expect(size.next()).toBeLessThanOrEqual(100);
  left = 5;
  expect(size.next()).toBe(1);
});

test("results that are large are brought by jobs of few items, until they are small again", () => {
  const size = autoChunks(endless, two);
  size.measured(1, 0.05, 64 * 1024);
  expect(size.next()).toBe(8);
  expect(size.why()).toContain("keeps the results of a job within 512 KiB");
  // One that is larger than that comes alone.
  size.measured(8, 0.4, 8_000_000);
  expect(size.next()).toBe(1);
  for (let i = 0; i < 20; i++) size.measured(1, 0.05, 2);
  expect(size.next()).toBe(4_000);
});

test("a value of many results is no reason for smaller jobs, each of which would bring one", () => {
  const chunkSize = autoChunks(endless, two);
  const options = { chunkSize, argumentLimit: undefined, wholeChunks: false, job: { reduce: "sum" } };
  const reader = new ChunkReader({} as never, {} as never, options);
  reader.measured(1, 0.05, 8_000_000);
  expect(chunkSize.next()).toBe(4_000);
});
