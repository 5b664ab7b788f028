import { autoChunks } from "@poolmq/producer/internal";
import { expect, test } from "vitest";

const endless = (): undefined => undefined;
const two = (): number => 2;

test("before anything was measured, a few jobs of one item go at once", () => {
  const size = autoChunks(endless, two);
  expect([size.next(), size.ahead]).toEqual([1, 16]);
});

test("a size far above what was measured is a guess, and few jobs of it go at once", () => {
  const size = autoChunks(endless, two);
  size.measured(1, 0.05);
  expect(size.next()).toBe(4_000);
  expect(size.ahead).toBe(8);
  size.measured(4_000, 200);
  expect([size.next(), size.ahead]).toEqual([4_000, Infinity]);
});

test("what a larger job shows outweighs what small ones have shown, whichever comes first", () => {
  const tiny = autoChunks(endless, two);
  for (let i = 0; i < 20; i++) tiny.measured(1, 0.05);
  tiny.measured(400, 0.1);
  expect(tiny.next()).toBeGreaterThan(5_000);
  for (let i = 0; i < 40; i++) tiny.measured(1, 0.05);
  expect(tiny.next()).toBeGreaterThan(1_000);
});

test("a function that gets long is cut small at once", () => {
  const size = autoChunks(endless, two);
  for (let i = 0; i < 10; i++) size.measured(10_000, 1);
  expect(size.next()).toBe(16_000);
  size.measured(2, 160);
  size.measured(2, 160);
  expect(size.next()).toBeLessThanOrEqual(4);
});

test("a long function is never given more than one item", () => {
  const size = autoChunks(endless, two);
  for (let i = 0; i < 50; i++) {
    size.measured(1, 120);
    expect([size.next(), size.ahead]).toEqual([1, Infinity]);
  }
});

test("the last items are spread over all workers", () => {
  let left = 8_000;
  const size = autoChunks(() => left, two);
  size.measured(1_000, 1);
  expect(size.next()).toBe(1_000);
  left = 800;
  // Half a millisecond of work is not cut smaller.
  expect(size.next()).toBe(500);
  size.measured(1_000, 1_000);
  expect(size.next()).toBeLessThanOrEqual(100);
  left = 5;
  expect(size.next()).toBe(1);
});
