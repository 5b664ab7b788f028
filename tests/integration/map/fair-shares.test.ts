/** Maps that share a fleet. What ran when is counted; no clock of the test decides. */

import { describe, expect, test } from "vitest";

import type { Pool } from "@poolmq/producer";

import type * as tasks from "../../fixtures/shared-fleet-tasks.ts";
import { redisForFile } from "../../support/redis-server.ts";
import { Marks, Stage } from "../../support/stage.ts";
import { until } from "../../support/until.ts";

const redis = redisForFile();

const MODULE = new URL("../../fixtures/shared-fleet-tasks.ts", import.meta.url);

type Tasks = typeof tasks;

/** Four slots: waiting tasks need no core of their own. */
const SLOTS = { module: MODULE, processes: 1, concurrency: 4 };

/** Items that write `name` into the log when they begin, and end after so many ms. */
function naps(
  marks: Marks,
  name: string,
  count: number,
  ms: number,
): { log: string; name: string; ms: number }[] {
  return Array.from({ length: count }, () => ({ log: marks.log, name, ms }));
}

/** How many jobs of the queue wait for a worker, and how many run. */
async function counts({ keys }: Stage): Promise<{ waiting: number; active: number }> {
  const { admin } = redis();
  const [waiting, urgent, active] = await Promise.all([
    admin.llen(keys.job("wait")),
    admin.zcard(keys.job("prioritized")),
    admin.llen(keys.job("active")),
  ]);
  return { waiting: waiting + urgent, active };
}

/** How many lines of others than `name` stand before the last line of `name`. */
function othersBeforeLast(lines: readonly string[], name: string): number {
  return lines.slice(0, lines.lastIndexOf(name)).filter((line) => line !== name).length;
}

async function stageOf(machine: object = SLOTS): Promise<{ stage: Stage; pool: Pool<Tasks> }> {
  const stage = new Stage(redis());
  await stage.machine(machine);
  return { stage, pool: stage.pool<Tasks>() };
}

describe("what a map has in the queue", () => {
  test("is three jobs a slot until the first outcome, however many items it has", async () => {
    const marks = new Marks();
    const { stage, pool } = await stageOf();
    const map = pool.map(
      "gated",
      Array.from({ length: 1_000 }, () => ({ log: marks.log, gate: marks.gate })),
    );
    await marks.started(4);
    expect(await counts(stage)).toEqual({ waiting: 8, active: 4 });
    map.cancel();
    await map.settled();
  });

  test("is half a second of the fleet's work, and follows the fleet", async () => {
    const marks = new Marks();
    const { stage, pool } = await stageOf();
    const map = pool.map("nap", naps(marks, "a", 4_000, 40));
    await marks.started(200);
    // 4 slots of 40 ms: 40 jobs wait. A loaded machine naps longer, and then fewer wait.
    await until(async () => Math.abs((await counts(stage)).waiting - 30) <= 20, {
      what: "a window of 40 jobs",
    });
    await stage.machine({ ...SLOTS, concurrency: 12 });
    await until(async () => (await counts(stage)).waiting >= 70, { what: "a window of 160 jobs" });
    map.cancel();
    await map.settled();
  });
});

describe("a map that comes later", () => {
  test.for(["of the same pool", "of another producer"])("%s does not wait for a long one", async (whose) => {
    const marks = new Marks();
    const { stage, pool } = await stageOf();
    const big = pool.map("nap", naps(marks, "big", 10_000, 50));
    await marks.started(40);
    const small = (whose === "of the same pool" ? pool : stage.pool<Tasks>()).map(
      "nap",
      naps(marks, "small", 10, 50),
    );
    const began = marks.lines.length;
    await small;
    // Half a second of the big one's items, which are 40, and its turns meanwhile.
    expect(othersBeforeLast(marks.lines.slice(began), "small")).toBeLessThan(80);
    big.cancel();
    await big.settled();
  });
});
