import { expect, test } from "vitest";

import { pipeDepth, placesFor } from "../../../packages/worker/src/pipe/pipe-depth.ts";

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

test("there is a place for each run that a child can have", () => {
  for (const meanMs of [0.0001, 0.1, 1, 50, 1_000]) {
    for (const concurrency of [1, 4, 200]) {
      expect(concurrency + pipeDepth(meanMs, concurrency)).toBeLessThanOrEqual(placesFor(concurrency));
    }
  }
});
