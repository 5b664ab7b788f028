import { expect, test } from "vitest";

import { jain, serve } from "./fair-fleet.ts";

test("ten items of 200 ms behind ten thousand end within 1.5 s on four slots", () => {
  const { endedAt } = serve(
    [
      { items: 10_000, ms: 200 },
      { items: 10, ms: 200, at: 1_000 },
    ],
    4,
    5_000,
  );
  expect((endedAt[1] ?? Infinity) - 1_000).toBeLessThanOrEqual(1_500);
});

test.for([
  [1_000, 10],
  [500, 40],
])("two maps of %i items of %i ms end within a tenth of each other", ([items = 0, ms = 0]) => {
  const [first = 0, second = 0] = serve(
    [
      { items, ms },
      { items, ms },
    ],
    4,
  ).endedAt;
  expect(Math.min(first, second)).toBeGreaterThanOrEqual(0.9 * Math.max(first, second));
});

test("maps with items ten times as long get no more than half as much again of the fleet's time", () => {
  for (const ms of [5, 20]) {
    const maps = [ms, 10 * ms].map((each) => ({ items: 1_000_000, ms: each }));
    const [short = 0, long = 0] = serve(maps, 4, 20_000).begun;
    expect(long * 10).toBeGreaterThan(0.9 * short);
    expect(long * 10).toBeLessThanOrEqual(1.5 * short);
  }
});

test("twenty maps get equal shares, once each has had a few turns", () => {
  const maps = Array.from({ length: 20 }, () => ({ items: 1_000_000, ms: 10 }));
  expect(jain(serve(maps, 8, 30_000).begun)).toBeGreaterThanOrEqual(0.95);
});
