/** What tasks throw, take and give, of a fleet and of pools without Redis. Rows 11 and 12. */

import { Pool, ThreadPool } from "@poolmq/producer";
import { describe, expect, onTestFinished, test } from "vitest";

import type * as tasks from "../fixtures/fault-tasks.ts";
import { FAULT_TASKS, FaultStage, figure, RunLog } from "../support/fault-stage.ts";
import { redisForFile } from "../support/redis-server.ts";

const redis = redisForFile();

/** Makes a pool with one worker, which ends with the test. */
const KINDS = {
  async fleet() {
    const stage = new FaultStage(redis());
    await stage.machineProcess();
    return stage.pool<typeof tasks>();
  },
  "processes, in memory": async () =>
    new Pool<typeof tasks>({ connection: "memory", tasks: FAULT_TASKS, processes: 1 }),
  "threads, in memory": async () => new ThreadPool<typeof tasks>({ tasks: FAULT_TASKS, threads: 1 }),
};

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

describe.each(Object.keys(KINDS) as (keyof typeof KINDS)[])("%s", (kind) => {
  const open = async (): Promise<Pool<typeof tasks> | ThreadPool<typeof tasks>> => {
    const pool = await KINDS[kind]();
    onTestFinished(() => pool.terminate());
    return pool;
  };

  test("row 11: whatever is thrown reaches the caller as what it was, after one run", async () => {
    const pool = await open();
    const log = new RunLog();
    const kinds = Object.keys(THROWN);
    const map = pool.map(
      "odd",
      kinds.map((name) => ({ log: log.log, kind: name })),
    );
    const settled = await map.settled();
    for (const [index, name] of kinds.entries()) {
      const outcome = settled[index];
      if (outcome?.status !== "rejected") throw new Error(`${name} was not thrown`);
      const wanted = THROWN[name];
      if (typeof wanted === "object" && wanted !== null) expect(outcome.reason).toMatchObject(wanted);
      else expect(outcome.reason).toBe(wanted);
    }
    expect(log.executions).toHaveLength(kinds.length);
    if (kind === "fleet") figure(11, "runs of an item, at most", log.executions.length / kinds.length, "");
  });

  test("row 12: what structured clone carries comes through both ways; the rest is a typed error", async () => {
    const pool = await open();
    const kinds = Object.keys(GIVEN);
    const results = await pool.map("value", kinds);
    const echoed = await pool.map("echo", Object.values(GIVEN));
    for (const [index, name] of kinds.entries()) {
      expect(results[index], name).toStrictEqual(GIVEN[name]);
      expect(echoed[index], name).toStrictEqual(GIVEN[name]);
    }
    const unfit = ["class instance", "proxy", "function", "symbol"];
    const settled = await pool.map("value", [...unfit, "fit"]).settled();
    const outcomes = settled.map((outcome) =>
      outcome.status === "fulfilled" ? outcome.value : (outcome.reason as { readonly code: string }).code,
    );
    // As structured clone does it: an instance keeps its own properties, and not its class.
    expect(outcomes).toEqual([{ x: 1 }, "SERIALIZATION", "SERIALIZATION", "SERIALIZATION", "fit"]);
    if (kind === "fleet")
      figure(12, "values that came back as they were, both ways", kinds.length, `of ${kinds.length}`);
  });
});
