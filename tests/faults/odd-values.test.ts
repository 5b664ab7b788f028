/** What tasks throw, take and give. Rows 11 and 12. */

import { expect, test } from "vitest";

import type * as tasks from "../fixtures/fault-tasks.ts";
import { FaultStage, figure, RunLog } from "../support/fault-stage.ts";
import { redisForFile } from "../support/redis-server.ts";

const redis = redisForFile();

const THROWN: Readonly<Record<string, unknown>> = {
  null: null,
  undefined: undefined,
  text: "just text",
  DelayedError: { name: "DelayedError", message: "a user's" },
  WaitingError: { name: "WaitingError", message: "a user's" },
  RateLimitError: { name: "RateLimitError", message: "a user's" },
  UnrecoverableError: { name: "UnrecoverableError", message: "a user's" },
  "bullmq:rateLimitExceeded": { name: "Error", message: "bullmq:rateLimitExceeded" },
  "bullmq:movedToDelayed": { name: "Error", message: "bullmq:movedToDelayed" },
  "bullmq:movedToWait": { name: "Error", message: "bullmq:movedToWait" },
  "bullmq:movedToWaitingChildren": { name: "Error", message: "bullmq:movedToWaitingChildren" },
  frozen: { name: "TypeError", message: "frozen" },
  "throwing getter": { name: "RangeError", message: "getter" },
};

test("row 11: whatever is thrown reaches the caller as what it was, after one run", async () => {
  const stage = new FaultStage(redis());
  const log = new RunLog();
  await stage.machineProcess();
  const kinds = Object.keys(THROWN);
  const map = stage.pool<typeof tasks>().map(
    "odd",
    kinds.map((kind) => ({ log: log.log, kind })),
  );
  const settled = await map.settled();
  for (const [index, kind] of kinds.entries()) {
    const outcome = settled[index];
    if (outcome?.status !== "rejected") throw new Error(`${kind} was not thrown`);
    const wanted = THROWN[kind];
    if (typeof wanted === "object" && wanted !== null) expect(outcome.reason).toMatchObject(wanted);
    else expect(outcome.reason).toBe(wanted);
  }
  expect(log.executions).toHaveLength(kinds.length);
  figure(11, "runs of an item, at most", log.executions.length / kinds.length, "");
});

const cycle: { self?: unknown; name: string } = { name: "node" };
cycle.self = cycle;

/** Kinds of values that come back as they are, or as the given other value. */
const GIVEN: Readonly<Record<string, unknown>> = {
  undefined: undefined,
  NaN: Number.NaN,
  "-0": -0,
  BigInt: 2n ** 70n,
  Map: new Map<unknown, unknown>([[{ key: 1 }, new Set([undefined])]]),
  cycle,
  Date: [new Date(0), new Date(Number.NaN)],
  "typed array": new Float64Array([1.5, Number.NaN, -0]),
};

test("row 12: what structured clone carries comes through both ways; the rest is a typed error", async () => {
  const stage = new FaultStage(redis());
  await stage.machineProcess();
  const pool = stage.pool<typeof tasks>();
  const kinds = Object.keys(GIVEN);
  const results = await pool.map("value", kinds);
  const echoed = await pool.map("echo", Object.values(GIVEN));
  for (const [index, kind] of kinds.entries()) {
    expect(results[index], kind).toStrictEqual(GIVEN[kind]);
    expect(echoed[index], kind).toStrictEqual(GIVEN[kind]);
  }
  const unfit = ["class instance", "proxy", "function", "symbol"];
  const settled = await pool.map("value", [...unfit, "fit"]).settled();
  const outcomes = settled.map((outcome) =>
    outcome.status === "fulfilled" ? outcome.value : (outcome.reason as { readonly code: string }).code,
  );
  // As structured clone does it: an instance keeps its own properties, and not its class.
  expect(outcomes).toEqual([{ x: 1 }, "SERIALIZATION", "SERIALIZATION", "SERIALIZATION", "fit"]);
  figure(12, "values that came back as they were, both ways", kinds.length, `of ${kinds.length}`);
});
