import { expect, test } from "vitest";

import type { Pool, PoolOptions } from "@poolmq/producer";

import type * as tasks from "../../fixtures/machine-tasks.ts";
import { redisForFile } from "../../support/redis-server.ts";
import { Marks, rejection, Stage } from "../../support/stage.ts";
import { until } from "../../support/until.ts";

const redis = redisForFile();
const MODULE = new URL("../../fixtures/machine-tasks.ts", import.meta.url);

function producer(stage: Stage, options: PoolOptions<typeof tasks> = {}): Pool<typeof tasks> {
  return stage.pool(options as PoolOptions<never>) as unknown as Pool<typeof tasks>;
}

test("a synchronous function ten times longer than the lock runs once", async () => {
  const stage = new Stage(redis());
  const marks = new Marks();
  const options = { module: MODULE, lockDurationMs: 500, stalledIntervalMs: 100 };
  await Promise.all([stage.machine(options), stage.machine(options)]);
  const results = await producer(stage).starmap("spinAndLog", [[marks.log, "a", 5_000]]);
  expect(results).toEqual(["a"]);
  expect(marks.lines).toEqual(["a"]);
});

test("no item waits behind a long one while another process is idle", async () => {
  const stage = new Stage(redis());
  const marks = new Marks();
  await stage.machine({ module: MODULE, processes: 2 });
  const pool = producer(stage);
  // Short ones first, so that the machine has learned to fetch ahead and to fill its pipes.
  await pool.starmap(
    "spinAndLog",
    Array.from({ length: 300 }, () => [marks.log, "warm", 0] as const),
  );
  const items = Array.from(
    { length: 200 },
    (_, i) => [marks.log, i === 20 ? "long" : "short", i === 20 ? 1_500 : 0] as const,
  );
  await pool.starmap("spinAndLog", items);
  const order = marks.lines.slice(300);
  expect(order).toHaveLength(200);
  expect(order.slice(order.indexOf("long") + 1)).toEqual([]);
});

test("no item waits on a busy machine while another one is idle", async () => {
  const stage = new Stage(redis());
  const marks = new Marks();
  await Promise.all([
    stage.machine({ module: MODULE, processes: 1 }),
    stage.machine({ module: MODULE, processes: 1 }),
  ]);
  const pool = producer(stage);
  await pool.starmap(
    "spinAndLog",
    Array.from({ length: 300 }, () => [marks.log, "warm", 0] as const),
  );
  const items = Array.from(
    { length: 200 },
    (_, i) => [marks.log, i === 20 ? "long" : "short", i === 20 ? 1_500 : 0] as const,
  );
  await pool.starmap("spinAndLog", items);
  const order = marks.lines.slice(300);
  expect(order).toHaveLength(200);
  expect(order.slice(order.indexOf("long") + 1)).toEqual([]);
});

test("a child is replaced after maxTasksPerChild items", async () => {
  const stage = new Stage(redis());
  await stage.machine({ module: MODULE, processes: 1, maxTasksPerChild: 3 });
  const pids = await producer(stage).starmap(
    "pid",
    Array.from({ length: 12 }, () => [] as const),
  );
  const counts = new Map<number, number>();
  for (const pid of pids) counts.set(pid, (counts.get(pid) ?? 0) + 1);
  expect(Math.max(...counts.values())).toBeLessThanOrEqual(3);
});

test("a child above maxMemoryPerChildMb is replaced between items, and nothing is lost", async () => {
  const stage = new Stage(redis());
  await stage.machine({ module: MODULE, processes: 1, maxMemoryPerChildMb: 150 });
  // The memory is looked at now and then: some time must pass.
  const pool = producer(stage);
  const pids: number[] = [];
  for (let i = 0; i < 6; i++) {
    pids.push(...(await pool.map("leak", [30])));
    await pool.map("spin", [120]);
  }
  expect(new Set(pids).size).toBeGreaterThan(1);
});

test("a child far above maxMemoryPerChildMb is killed, and its item ends in a typed error", async () => {
  const stage = new Stage(redis());
  await stage.machine({ module: MODULE, processes: 1, maxMemoryPerChildMb: 150, workerLossAttempts: 1 });
  const pool = producer(stage);
  const error = await rejection(pool.apply("growForEver", []));
  expect(error).toMatchObject({ code: "WORKER_LOST", outOfMemory: true });
  expect(await pool.map("spin", [1])).toHaveLength(1);
});

test("a function that exhausts the heap ends in an error that says so", async () => {
  const stage = new Stage(redis());
  await stage.machine({
    module: MODULE,
    processes: 1,
    workerLossAttempts: 2,
    env: { NODE_OPTIONS: "--max-old-space-size=64" },
  });
  const error = await rejection(producer(stage).apply("exhaustHeap", []));
  expect(error).toMatchObject({ code: "WORKER_LOST", outOfMemory: true, losses: 2 });
  expect(String(error)).toContain("ran out of memory");
});

test("an item that must be killed takes its child along; the others on it run again, uncharged", async () => {
  const stage = new Stage(redis());
  const marks = new Marks();
  await stage.machine({ module: MODULE, processes: 1, concurrency: 3, killGraceMs: 50 });
  const pool = producer(stage);
  const calm = pool.map(
    "stubborn",
    [marks, marks].map(({ log, gate }) => ({ log, gate, spin: false })),
  );
  await marks.started(2);
  const spinning = pool.map("stubborn", [{ log: marks.log, gate: marks.gate, spin: true }], {
    taskTimeoutMs: 200,
  });
  expect(await rejection(spinning)).toMatchObject({ code: "TASK_TIMEOUT" });
  // The two were on the child that was killed, and have been started again.
  await marks.started(5);
  marks.open();
  expect(await calm).toEqual([1, 1]);
});

test("close() lets what runs end, and hands back what waits", async () => {
  const stage = new Stage(redis());
  const marks = new Marks();
  const first = await stage.machine({ module: MODULE, processes: 1 });
  const pool = producer(stage);
  const { log, gate } = marks;
  const result = pool.map("patient", [
    { log, gate },
    { log, gate },
  ]);
  await marks.started(1);
  const closing = first.close();
  marks.open();
  await closing;
  expect(marks.lines).toEqual(["0 start", "0 end"]);
  await stage.machine({ module: MODULE, processes: 1 });
  expect(await result).toEqual(["ended", "ended"]);
  expect(marks.lines).toEqual(["0 start", "0 end", "1 start", "1 end"]);
});

test("at its deadline close() aborts, then kills; the item runs elsewhere and is not charged", async () => {
  const stage = new Stage(redis());
  const marks = new Marks();
  const machine = await stage.machine({
    module: MODULE,
    processes: 1,
    killGraceMs: 100,
    workerLossAttempts: 1,
  });
  const pool = producer(stage);
  const { log, gate } = marks;
  const result = pool.map("stubborn", [{ log, gate, spin: false }]);
  await marks.started(1);
  await machine.close(300);
  await stage.machine({ module: MODULE, processes: 1 });
  await marks.started(2);
  marks.open();
  expect(await result).toEqual([1]);
});

test("a failing initializer is told to a producer that waits for workers", async () => {
  const stage = new Stage(redis());
  const result = stage.pool().map("increment", [1]);
  const failing = new URL("../../fixtures/failing-initializer.ts", import.meta.url);
  expect(await rejection(stage.machine({ module: failing }))).toMatchObject({
    code: "TASKS_MODULE",
    phase: "initializer",
    cause: { message: "no database" },
  });
  expect(await rejection(result)).toMatchObject({
    code: "WORKER_START",
    message: expect.stringContaining("no database"),
  });
});

test("a module that never finishes its initializer ends the start at its time limit", async () => {
  const stage = new Stage(redis());
  const endless = new URL("../../fixtures/endless-initializer.ts", import.meta.url);
  expect(await rejection(stage.machine({ module: endless, startTimeoutMs: 1_000 }))).toMatchObject({
    code: "TASKS_MODULE",
    message: expect.stringContaining("`startTimeoutMs` (1000 ms)"),
  });
});

test("a function that one machine lacks is run by the one that has it", async () => {
  const stage = new Stage(redis());
  const one = new URL("../../fixtures/one-task.ts", import.meta.url);
  const [lacking] = await Promise.all([stage.machine({ module: one }), stage.machine({ module: MODULE })]);
  await until(() => lacking.tasks["pid"] === undefined, { what: "the machine to know its tasks" });
  const pids = await producer(stage).starmap(
    "pid",
    Array.from({ length: 20 }, () => [] as const),
  );
  expect(pids).toHaveLength(20);
});

test("what a busy machine hands back begins in the order in which it came", async () => {
  const stage = new Stage(redis());
  const marks = new Marks();
  await stage.machine({ module: MODULE, processes: 1 });
  const pool = producer(stage);
  // Short ones first, so that the machine has learned to fetch ahead and to fill its pipes.
  await pool.starmap(
    "spinAndLog",
    Array.from({ length: 300 }, () => [marks.log, "warm", 0] as const),
  );
  // The sixth keeps the only process from the others for so long that they are handed back.
  const items = Array.from({ length: 60 }, (_, i) => [marks.log, String(i), i === 5 ? 300 : 0] as const);
  await pool.starmap("spinAndLog", items, { chunksize: 1 });
  expect(marks.lines.slice(300)).toEqual(items.map(([, name]) => name));
});
