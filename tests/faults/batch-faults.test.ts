/** Batches that lose a process, a machine or all of Redis while their function runs: each item has its result once. */

import { existsSync } from "node:fs";

import { expect, onTestFinished, test } from "vitest";

import type * as tasks from "../fixtures/batch-tasks.ts";
import { FaultStage, SHORT_LOCKS } from "../support/fault-stage.ts";
import type { MachineProcess } from "../support/fault-stage.ts";
import { redisForFile, RedisServer } from "../support/redis-server.ts";
import { Marks } from "../support/stage.ts";
import { until } from "../support/until.ts";

const MODULE = new URL("../fixtures/batch-tasks.ts", import.meta.url);
const redis = redisForFile();

const ITEMS = [0, 1, 2];

interface MidBatch {
  readonly stage: FaultStage;
  readonly marks: Marks;
  readonly machine: MachineProcess;
  readonly results: PromiseLike<number[]>;
  /** Lets the function return. */
  open(): void;
}

/** Begins calls whose items are in one batch, and waits until its function runs, and waits at the gate. */
async function inMidBatch(server: RedisServer): Promise<MidBatch> {
  const stage = new FaultStage(server);
  const marks = new Marks();
  const machine = await stage.machineProcess({ module: MODULE.href, ...SHORT_LOCKS });
  const pool = stage.pool<typeof tasks>();
  await pool.ready(1);
  const calls = ITEMS.map((x) => pool.apply("gated", [{ log: marks.log, gate: marks.gate, x }]));
  const results = Promise.all(calls);
  results.catch(() => {});
  await until(() => marks.lines.includes("with 0 1 2"), { what: "the batch to run" });
  expect(existsSync(marks.gate)).toBe(false);
  return { stage, marks, machine, results, open: () => marks.open() };
}

test("a process that is killed takes no item of its batch with it", async () => {
  const { marks, machine, results, open } = await inMidBatch(redis());
  process.kill(machine.children[0] ?? 0, "SIGKILL");
  await until(() => marks.lines.length > 1, { what: "an item to run again" });
  open();
  expect(await results).toEqual(ITEMS);
});

test("a machine that is killed takes no item of its batch with it", async () => {
  const { stage, machine, results, open } = await inMidBatch(redis());
  await machine.kill();
  await stage.machineProcess({ module: MODULE.href, ...SHORT_LOCKS });
  open();
  expect(await results).toEqual(ITEMS);
});

// The calls may be found missing one after the other. Then they are in batches of their own, which wait for more items for 20 s.
test(
  "a Redis that is emptied neither loses nor doubles an item of a batch",
  { timeout: 90_000 },
  async () => {
    const server = await RedisServer.start();
    onTestFinished(() => server.stop());
    const { results, open } = await inMidBatch(server);
    await server.admin.flushall();
    open();
    expect(await results).toEqual(ITEMS);
  },
);
