import { lastTop, moveOf, visible } from "@poolmq/worker/internal";
import { expect, test } from "vitest";

const LINES = ["head", ...Array.from({ length: 20 }, (_, i) => `line ${i}`), "q quits"];

test("a screen that is large enough shows all lines", () => {
  expect(visible(LINES, 22, 0)).toEqual(LINES);
});

test("a small screen shows the first and the last line, and what fits between them", () => {
  expect(visible(LINES, 7, 0)).toEqual([
    "head",
    "line 0",
    "line 1",
    "line 2",
    "line 3",
    "… 16 more lines below",
    "q quits",
  ]);
  expect(visible(LINES, 7, 16)).toEqual([
    "head",
    "line 16",
    "line 17",
    "line 18",
    "line 19",
    "… end",
    "q quits",
  ]);
  expect(lastTop(LINES.length, 7)).toBe(16);
  expect(lastTop(5, 7)).toBe(0);
});

test("keys move by a line, by a screen, or to an end; others do not", () => {
  expect(["\u001B[B", "k", "\u001B[6~", "G", "x"].map((key) => moveOf(key, 24))).toEqual([
    1,
    -1,
    20,
    Infinity,
    undefined,
  ]);
});
