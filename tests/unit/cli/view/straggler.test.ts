import { isStraggler } from "@poolmq/worker/internal";
import { expect, test } from "vitest";

test("a straggler takes three times as long as 95 of 100 items of its map", () => {
  const runTimes = { items: 9, meanMs: 1, medianMs: 1, p95Ms: 1_000, maxMs: 2, histogram: [] };
  const maps = [{ id: "m", runTimes }];
  const run = { mapId: "m", items: 1, sinceMs: 0 };
  expect(isStraggler(run, 3_100, maps)).toBe(true);
  expect(isStraggler(run, 2_900, maps)).toBe(false);
  expect(isStraggler({ ...run, items: 4 }, 3_100, maps)).toBe(false);
  expect(isStraggler(run, 1_900, [{ id: "m", runTimes: { ...runTimes, p95Ms: 1 } }])).toBe(false);
  expect(isStraggler(run, 1_000_000, [])).toBe(false);
});
