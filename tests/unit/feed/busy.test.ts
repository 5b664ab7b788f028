import { expect, test } from "vitest";

import { busyOf, ofSlots, runningOn } from "../../../packages/worker/page/busy.js";
import { count } from "../../../packages/worker/page/format.js";

type Told = Parameters<typeof busyOf>[0][number];

/** A machine of two processes, of which so many run something. */
function machine(running: number | null, more: Partial<Told> = {}): Told {
  const children =
    running === null ? null : [0, 1].map((place) => ({ running: place < running ? [{ task: "t" }] : [] }));
  return { processes: 2, concurrency: 1, unfit: null, children, ...more } as unknown as Told;
}

test("a machine that has not told what it runs is not said to run nothing", () => {
  expect(runningOn(machine(null))).toBeNull();
  expect(ofSlots(runningOn(machine(null)), 2, count)).toBe("– of 2");
  expect(ofSlots(runningOn(machine(0)), 2, count)).toBe("0 of 2");
  expect(ofSlots(runningOn(machine(1)), 2, count)).toBe("1 of 2");
});

test("one that can't run anything runs nothing, and need not tell it", () => {
  const unfit = { module: "m", phase: "load", reason: "no such file" };
  expect(runningOn(machine(null, { unfit, processes: 0 }))).toBe(0);
});

test("of many machines, only those that have told are counted", () => {
  expect(busyOf([])).toEqual({ running: 0, slots: 0, untold: 0 });
  expect(busyOf([machine(null), machine(null)])).toEqual({ running: null, slots: 4, untold: 2 });
  expect(busyOf([machine(2), machine(null), machine(0)])).toEqual({ running: 2, slots: 4, untold: 1 });
});
