import fc from "fast-check";
import { beforeEach, expect, test, vi } from "vitest";

import { WholeLines } from "../../../packages/worker/src/output/whole-lines.ts";
import { useFakeTimers } from "../../support/fake-timers.ts";

beforeEach(() => useFakeTimers());

test("whatever the pieces in which it comes, only whole lines are passed on, and all of them", () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: fc.constantFrom("a", "é", "\n", "\r") })), (pieces) => {
      const passed: string[] = [];
      const lines = new WholeLines((bytes) => passed.push(bytes.toString()));
      for (const piece of pieces) lines.take(Buffer.from(piece));
      for (const text of passed) expect(text.endsWith("\n")).toBe(true);
      lines.flush();
      expect(passed.join("")).toBe(pieces.join(""));
    }),
  );
});

test("a line whose end does not come is shown after a while", () => {
  const passed: string[] = [];
  const lines = new WholeLines((bytes) => passed.push(bytes.toString()));
  lines.take(Buffer.from("done\nContinue? "));
  expect(passed).toEqual(["done\n"]);
  vi.advanceTimersByTime(250);
  expect(passed).toEqual(["done\n", "Continue? "]);
});

test("a line of any length takes a mebibyte or two of memory", () => {
  let kept = 0;
  const lines = new WholeLines((bytes) => (kept -= bytes.length));
  for (let i = 0; i < 100; i++) {
    kept += 65_536;
    lines.take(Buffer.alloc(65_536, "x"));
    expect(kept).toBeLessThanOrEqual(1_100_000);
  }
});
