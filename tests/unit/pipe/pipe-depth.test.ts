import { expect, test } from "vitest";

import { isPaced, pacedDepth, pipeDepth, placesFor } from "../../../packages/worker/src/pipe/pipe-depth.ts";

test("nothing waits in the pipe while the run time is not known, or is long", () => {
  expect(pipeDepth(undefined, 8)).toBe(0);
  expect(pipeDepth(51, 8)).toBe(0);
  expect(pipeDepth(10_000, 1)).toBe(0);
});

test("tiny runs worth a millisecond wait, at most 256", () => {
  expect(pipeDepth(0.25, 1)).toBe(4);
  expect(pipeDepth(0.001, 1)).toBe(256);
});

test("of runs up to 50 ms, a quarter as many wait as run", () => {
  expect(pipeDepth(50, 8)).toBe(2);
  expect(pipeDepth(50, 3)).toBe(0);
});

test("runs of some ms are paced: 80 ms of them wait, and no more than 16", () => {
  expect(pacedDepth(undefined, 1)).toBe(0);
  expect(pacedDepth(10, 1)).toBe(8);
  expect(pacedDepth(2, 1)).toBe(16);
  expect(pacedDepth(40, 1)).toBe(2);
  expect(pacedDepth(10, 4)).toBe(16);
});

test("neither tiny runs nor long ones are paced, nor those of which many end at a time", () => {
  expect(isPaced(1.9, 1)).toBe(false);
  expect(isPaced(41, 1)).toBe(false);
  expect(isPaced(20, 100)).toBe(false);
  expect(isPaced(20, 4)).toBe(true);
});

test("there is a place for each run that a child can have", () => {
  for (const meanMs of [0.0001, 0.1, 1, 50, 1_000]) {
    for (const concurrency of [1, 4, 200]) {
      expect(
        concurrency + Math.max(pipeDepth(meanMs, concurrency), pacedDepth(meanMs, concurrency)),
      ).toBeLessThanOrEqual(placesFor(concurrency));
    }
  }
});
