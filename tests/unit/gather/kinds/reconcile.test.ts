import { decide } from "@poolmq/producer/internal";
import { expect, test } from "vitest";

const FOUND = { existed: true, missing: [], decided: [], lastEntry: "" };

test("a chunk with neither job nor outcome is missing", () => {
  expect(decide({ ...FOUND, missing: [3, 7] }, "5-0")).toEqual({
    missing: [3, 7],
    undelivered: [],
    beginsAnew: false,
  });
});

test.for([
  ["the stream is empty", ""],
  ["the last entry was read", "5-0"],
  ["the last entry was read long ago", "4-9"],
] as const)("the outcome of a decided chunk is gone if %s", ([, lastEntry]) => {
  expect(decide({ ...FOUND, decided: [2], lastEntry }, "5-0").undelivered).toEqual([2]);
});

test.for(["5-1", "6-0", "10-0"])(
  "the outcome of a decided chunk is still to be read while entry %s comes after what was read",
  (lastEntry) => {
    expect(decide({ ...FOUND, decided: [2], lastEntry }, "5-0").undelivered).toEqual([]);
  },
);

test("a map whose keys were gone begins anew", () => {
  expect(decide({ ...FOUND, existed: false, missing: [0] }, "5-0")).toEqual({
    missing: [0],
    undelivered: [],
    beginsAnew: true,
  });
});

test("on a stream that is never read to its end, what was decided long ago is gone", () => {
  const suspects = { indices: new Set([2]), lastEntry: "4-0" };
  expect(decide({ ...FOUND, decided: [2, 3], lastEntry: "6-0" }, "5-0", suspects).undelivered).toEqual([2]);
});

test("what was decided behind an entry that was not read yet may still come", () => {
  const suspects = { indices: new Set([2]), lastEntry: "5-1" };
  expect(decide({ ...FOUND, decided: [2, 3], lastEntry: "6-0" }, "5-0", suspects).undelivered).toEqual([]);
});
