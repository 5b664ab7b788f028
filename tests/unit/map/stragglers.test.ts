import { describe, expect, test } from "vitest";

import { stragglersOf } from "../../../packages/producer/src/map/stragglers.ts";

const RULE = { factor: 3, minMs: 100 };

const tail = { total: 100, done: 90, medianMs: 50 };

describe("an item is a straggler", () => {
  test("once it runs for so many times as long as half of the items took; the longest come first", () => {
    const running = [
      { at: 1, n: 1, ms: 149 },
      { at: 2, n: 1, ms: 151 },
      { at: 3, n: 1, ms: 300 },
    ];
    expect(stragglersOf({ ...tail, running }, RULE)).toEqual([3, 2]);
  });

  test("of a chunk, once it runs for that long for each of its items", () => {
    const running = [
      { at: 10, n: 4, ms: 599 },
      { at: 20, n: 4, ms: 601 },
    ];
    expect(stragglersOf({ ...tail, running }, RULE)).toEqual([20]);
  });

  test("not before it runs for the least time, however short the others were", () => {
    const running = [
      { at: 1, n: 1, ms: 99 },
      { at: 2, n: 1, ms: 101 },
    ];
    expect(stragglersOf({ ...tail, medianMs: 1, running }, RULE)).toEqual([2]);
  });

  test("not before half of the map is done", () => {
    const running = [{ at: 1, n: 1, ms: 10_000 }];
    expect(stragglersOf({ ...tail, done: 49, running }, RULE)).toEqual([]);
    expect(stragglersOf({ ...tail, done: 50, running }, RULE)).toEqual([1]);
  });
});
