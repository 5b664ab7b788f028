import { expect, test } from "vitest";

import { readEntries } from "../../../packages/producer/src/outcomes/read-entry.ts";
import type { Seals } from "../../../packages/producer/src/signing/seals.ts";

/** Outcomes are checked later. */
const NO_SEALS = {} as Seals;

function read(...fields: readonly string[]): unknown {
  return readEntries(
    fields.map((field) => Buffer.from(field)),
    3,
    "m",
    NO_SEALS,
  );
}

const outcome = (at: number, ms: number, text: string, by?: string): object => {
  return { at, ms, text, by, bytes: undefined, transitMs: 3 };
};

test("an entry has the outcome of a job, or a line for each of several jobs", () => {
  expect(read("i", "7", "ran", "1.5 w 7", "o", "=[7]")).toEqual([outcome(7, 1.5, "=[7]", "w 7")]);
  expect(read("i", "7\n9\n3", "ran", "1.5 w 7\n0\n2 v 1 2 1", "o", "=[7]\n![9]\n=[3]")).toEqual([
    outcome(7, 1.5, "=[7]", "w 7"),
    outcome(9, 0, "![9]"),
    outcome(3, 2, "=[3]", "v 1 2 1"),
  ]);
});

test("fields that follow each other are outcomes of several jobs, as older machines wrote them", () => {
  expect(read("i", "7", "ran", "1", "o", "=[7]", "i", "8", "ran", "2 w 7", "o", "=[8]")).toEqual([
    outcome(7, 1, "=[7]"),
    outcome(8, 2, "=[8]", "w 7"),
  ]);
});

test("an outcome that is alone may have lines", () => {
  expect(read("i", "7", "ran", "1", "o", "=[\n7]")).toEqual([outcome(7, 1, "=[\n7]")]);
});

test.each([
  ["a line is missing", ["i", "7\n8", "ran", "1\n2", "o", "=[7]"]],
  ["a line is too many", ["i", "7\n8", "ran", "1\n2", "o", "=[7]\n=[8]\n=[9]"]],
  ["an index is none", ["i", "7\nx", "ran", "1\n2", "o", "=[7]\n=[8]"]],
  ["several jobs have bytes", ["i", "7\n8", "ran", "1\n2", "o", "=[7]\n=[8]", "b", "bytes"]],
])("an entry is ignored if %s", (_, fields) => {
  expect(read(...fields)).toEqual([]);
});
