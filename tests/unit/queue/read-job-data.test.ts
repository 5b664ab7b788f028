import { WIRE_VERSION } from "@poolmq/shared/internal";
import { expect, test } from "vitest";

import { readJobData } from "../../../packages/worker/src/queue/read-job-data.ts";

const DATA = { v: WIRE_VERSION, map: "m-1", at: 0, n: 1, args: "[[1]]" };

test("data of the contract's shape is taken, with the default life of its map", () => {
  expect(readJobData(DATA)).toMatchObject({ ...DATA, ttlMs: expect.any(Number) });
  expect(readJobData({ ...DATA, ttlMs: 5_000 })).toMatchObject({ ttlMs: 5_000 });
});

test.each([
  [null, "its data is not a JSON object"],
  [{ ...DATA, v: "2" }, "it has no wire version"],
  [{ ...DATA, map: "a b" }, "it has no map id"],
  [{ ...DATA, at: -1 }, "it has no index"],
  [{ ...DATA, args: 5 }, "it has no arguments"],
  [{ ...DATA, n: 1e9 }, "it has no item count"],
  [{ ...DATA, bytes: "x" }, "its bytes are no number"],
  [{ ...DATA, timeoutMs: 2 ** 40 }, "its time limit is none"],
  [{ ...DATA, shares: { 0: "x" } }, "its shared values are not a list"],
  [{ ...DATA, kept: [["x"]] }, "its outcomes are not a list"],
  [{ ...DATA, suspect: 5 }, "its suspect is none"],
])("data that is damaged says how: %j", (data, reason) => {
  expect(readJobData(data)).toBe(reason);
});

test("of another version only what says whose job it is must be readable", () => {
  expect(readJobData({ ...DATA, v: 999, timeoutMs: "soon" })).toMatchObject({ v: 999, map: "m-1" });
});
