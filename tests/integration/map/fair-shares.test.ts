/** Maps that share a fleet. What ran when is counted; no clock of the test decides. */

import { describe, expect, test } from "vitest";

import type { Pool } from "@poolmq/producer";
import { readQueue } from "@poolmq/shared/redis";
import { MapControl } from "@poolmq/worker/control";

import type * as tasks from "../../fixtures/shared-fleet-tasks.ts";
import { redisForFile } from "../../support/redis-server.ts";
import { Marks, rejection, Stage } from "../../support/stage.ts";
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
async function counts({
  keys,
}: Stage): Promise<{ readonly waiting: number; readonly active: number; readonly delayed: number }> {
  const { admin } = redis();
  const { jobs } = await readQueue(admin, keys);
  return jobs;
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
    expect(await counts(stage)).toMatchObject({ waiting: 8, active: 4 });
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
  test.for([
    ["of the same pool", false],
    ["of another producer", false],
    ["of another producer", true],
  ] as const)("%s does not wait for a long one (durable: %s)", async ([whose, durable]) => {
    const marks = new Marks();
    const { stage, pool } = await stageOf();
    const big = pool.map("nap", naps(marks, "big", 10_000, 50), durable ? { mapId: "big" } : {});
    await marks.started(40);
    const small = (whose === "of the same pool" ? pool : stage.pool<Tasks>()).map(
      "nap",
      naps(marks, "small", 10, 50),
    );
    const began = marks.lines.length;
    await small;
    const lines = marks.lines.slice(began);
    // Until its jobs were sent, and its turns meanwhile.
    expect(othersBeforeLast(lines, "small")).toBeLessThan(80);
    // From then on, as many items of the big one as of this one, and what was fetched already.
    expect(othersBeforeLast(lines.slice(lines.indexOf("small")), "small")).toBeLessThan(30);
    big.cancel();
    await big.settled();
  });
});

describe("an urgent map", () => {
  test("overtakes all that waits, and a map without a priority all that has none but is late", async () => {
    const marks = new Marks();
    const { stage, pool } = await stageOf();
    const big = pool.map("nap", naps(marks, "big", 5_000, 50));
    await marks.started(40);
    const urgent = stage.pool<Tasks>().map("nap", naps(marks, "urgent", 10, 50), { priority: 1 });
    await marks.started(60);
    const began = marks.lines.indexOf("urgent");
    expect(began).toBeGreaterThan(0);
    await urgent;
    // Once the first has begun, only a slot that gets free before the next ones are fetched goes to another.
    expect(othersBeforeLast(marks.lines.slice(began), "urgent")).toBeLessThanOrEqual(8);
    big.cancel();
    await big.settled();
  });

  test.for(["its handle", "poolmq priority", "attach()"] as const)(
    "can be made of one that waits, by %s",
    async (how) => {
      const [marks, order] = [new Marks(), new Marks()];
      const stage = new Stage(redis());
      await stage.machine({ module: MODULE });
      const pool = stage.pool<Tasks>();
      const holding = pool.map(
        "gated",
        [marks].map(({ log, gate }) => ({ log, gate })),
      );
      await marks.started(1);
      const first = pool.map("nap", naps(order, "first", 3, 1));
      const late = pool.map("nap", naps(order, "late", 3, 1), how === "attach()" ? { mapId: "late" } : {});
      await until(async () => (await counts(stage)).waiting === 6, { what: "both to wait" });
      if (how === "its handle") await late.setPriority(3);
      else if (how === "attach()") await stage.pool<Tasks>().attach("late").setPriority(3);
      else await new MapControl(redis().admin, { queue: stage.queue }).setPriority(late.id, 3);
      expect(await redis().admin.zcard(stage.keys.job("prioritized"))).toBe(3);
      marks.open();
      await Promise.all([holding, first, late]);
      expect(order.lines).toEqual([...Array(3).fill("late"), ...Array(3).fill("first")]);
    },
  );

  test("sends what follows with its new priority, and can be made one without", async () => {
    const marks = new Marks();
    const { stage, pool } = await stageOf({ module: MODULE });
    const item = { log: marks.log, gate: marks.gate };
    const map = pool.map(
      "gated",
      Array.from({ length: 40 }, () => item),
      { priority: 9 },
    );
    await marks.started(1);
    const { admin } = redis();
    const urgent = async (): Promise<number> => await admin.zcard(stage.keys.job("prioritized"));
    expect(await urgent()).toBe(7);
    await map.setPriority(undefined);
    expect([await urgent(), (await counts(stage)).waiting]).toEqual([0, 7]);
    await new MapControl(admin, { queue: stage.queue }).setPriority(map.id, 2);
    expect(await urgent()).toBe(7);
    marks.open();
    await map;
  });

  test.for([0, 1.5, 2 ** 21 + 1, "1"])("of a priority that is none is refused: %o", async (priority) => {
    const pool = new Stage(redis()).pool<Tasks>();
    const map = pool.map("increment", [1]);
    expect(await rejection(map.setPriority(priority as number))).toMatchObject({ code: "INVALID_OPTION" });
    map.cancel();
    await map.settled();
  });
});
