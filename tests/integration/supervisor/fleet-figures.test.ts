import { expect, test } from "vitest";

import { redisForFile } from "../../support/redis-server.ts";
import { Marks, rejection, Stage } from "../../support/stage.ts";
import { within } from "../../support/until.ts";

const redis = redisForFile();

test("ready() waits for workers on all machines, however late they come", async () => {
  const stage = new Stage(redis());
  const pool = stage.pool();
  await pool.ready(0);
  const states: string[] = [];
  const one = pool.ready().then(() => states.push("one"));
  const three = pool.ready(3).then(() => states.push("three"));
  expect(await pool.stats()).toMatchObject({ machines: 0, workers: 0 });
  await stage.machine({ processes: 2 });
  await one;
  expect(states).toEqual(["one"]);
  await stage.machine();
  await three;
  expect(await pool.stats()).toMatchObject({ machines: 2, workers: 3 });
});

test.for([-1, 1.5, "2", Number.NaN])("ready(%j) is refused", async (minWorkers) => {
  const pool = new Stage(redis()).pool();
  expect(await rejection(pool.ready(minWorkers as number))).toMatchObject({
    code: "INVALID_OPTION",
    message: expect.stringContaining("`minWorkers`"),
  });
});

test("ready() is told when its pool ends", async () => {
  const stage = new Stage(redis());
  for (const end of ["close", "terminate"] as const) {
    const pool = stage.pool();
    await pool.ready(0);
    const waiting = rejection(pool.ready(5));
    void pool[end]();
    expect(await within(5_000, "ready() to give up", waiting)).toMatchObject({ code: "POOL_CLOSED" });
    await pool.join();
  }
});

test("stats() counts what waits and runs, and measures this pool's items", async () => {
  const marks = new Marks();
  const stage = new Stage(redis());
  const [pool, other] = [stage.pool(), stage.pool()];
  await stage.machine({ processes: 2 });
  await pool.ready(2);
  const idle = { machines: 1, workers: 2, waiting: 0, active: 0 };
  expect(await pool.stats()).toEqual({ ...idle, throughput: 0, runMs: undefined, waitMs: undefined });
  const call = { log: marks.log, gate: marks.gate };
  const map = pool.map("gated", [call, call, call, call, call]);
  await marks.started(2);
  // Of all producers on the queue.
  expect(await other.stats()).toMatchObject({ machines: 1, workers: 2, waiting: 3, active: 2 });
  marks.open();
  await map;
  await pool.map("spin", [{ log: marks.log, ms: 30 }], { chunksize: 1 });
  const stats = await pool.stats();
  expect(stats.throughput).toBeGreaterThan(0);
  expect(stats.throughput).toBeLessThanOrEqual(6);
  expect(stats.runMs).toBeGreaterThan(0);
  expect(stats.waitMs).toBeGreaterThanOrEqual(0);
  expect(await other.stats()).toMatchObject({ throughput: 0, runMs: undefined, waitMs: undefined });
  await expect.poll(() => other.stats()).toMatchObject(idle);
});

test("stats() gives the mean run time of an item, whatever the chunksize", async () => {
  const marks = new Marks();
  const stage = new Stage(redis());
  await stage.machine();
  for (const chunksize of [1, 4]) {
    const pool = stage.pool();
    const items = Array.from({ length: 4 }, () => ({ log: marks.log, ms: 40 }));
    await pool.map("spin", items, { chunksize });
    const { runMs } = await pool.stats();
    expect(runMs).toBeGreaterThanOrEqual(39);
    // One that was measured by the job would have 160 ms and more.
    expect(runMs).toBeLessThan(140);
  }
});
