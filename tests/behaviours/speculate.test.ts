import { describe, expect, test } from "vitest";

import { onBothPools } from "../support/both-pools.ts";
import { Marks, rejection } from "../support/stage.ts";
import { until } from "../support/until.ts";

/** Items of which those in `hanging` go on for ever at their first run. */
const items = (
  { log }: Marks,
  count: number,
  hanging: readonly number[],
): { log: string; x: number; hangs: boolean }[] =>
  Array.from({ length: count }, (_, x) => ({ log, x, hangs: hanging.includes(x) }));

const doubled = (count: number): number[] => Array.from({ length: count }, (_, x) => x * 2);

onBothPools(({ shared }) => {
  describe("speculate", () => {
    test("starts an item that goes on for long once more, counts its first outcome, and stops the other run", async () => {
      const marks = new Marks();
      const told: number[] = [];
      const call = shared().map("hangsAtFirst", items(marks, 12, [3]), {
        // Long enough for a computer that is busy with other tests: none but the one that hangs is taken for slow.
        speculate: { minMs: 500 },
        onResult: (_, index) => told.push(index),
      });
      expect(await call).toEqual(doubled(12));
      expect(told.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 12 }, (_, i) => i));
      expect(call.progress).toMatchObject({ total: 12, done: 12, failed: 0, running: 0, ended: true });
      expect(call.insights()).toMatchObject({
        items: 12,
        failed: 0,
        retries: 0,
        losses: 0,
        backups: { started: 1, won: 1 },
      });
      expect(call.insights().summary).toContain("1 straggler got a backup run, of which 1 came first.");
      await until(() => marks.lines.includes("3 stopped"), { what: "the first run to stop" });
      expect(marks.lines.filter((line) => line === "3 began")).toHaveLength(2);
    });

    test("starts a whole chunk once more, whose results stay those of its items", async () => {
      const marks = new Marks();
      const chunked = { chunksize: 2, speculate: { factor: 2, minMs: 200 } } as const;
      const call = shared().map("hangsAtFirst", items(marks, 8, [7]), chunked);
      expect(await call).toEqual(doubled(8));
      expect(call.insights().backups.won).toBe(1);
    });

    test("leaves an item alone that is as slow as its siblings, or has none", async () => {
      const slow = shared().map("sleep", [150, 150, 150, 150], { speculate: { minMs: 0 } });
      const alone = shared().apply("sleep", [400], { speculate: { minMs: 0 } });
      await Promise.all([slow, alone]);
      expect(slow.insights().backups).toEqual({ started: 0, won: 0 });
    });

    test("says what it takes", async () => {
      for (const [speculate, got] of [
        ["yes", "Expected `speculate` to be true, false or { factor?, minMs? }, got "],
        [{ factor: 0.5 }, "Expected `speculate.factor` to be a number ≥ 1, got 0.5"],
        [{ minMs: -1 }, "Expected `speculate.minMs` to be an integer ≥ 0, got -1"],
      ] as const) {
        const error = await rejection(shared().map("increment", [1], { speculate: speculate as never }));
        expect(error).toMatchObject({ code: "INVALID_OPTION", message: expect.stringContaining(got) });
      }
    });
  });
});
