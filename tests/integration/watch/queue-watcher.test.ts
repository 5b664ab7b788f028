/** What can be seen of a queue from outside. */

import { QueueWatcher } from "@poolmq/worker/internal";
import { expect, test } from "vitest";

import { redisForFile } from "../../support/redis-server.ts";
import { Marks, Stage } from "../../support/stage.ts";

const redis = redisForFile();

function watcherOf(stage: Stage): QueueWatcher {
  return new QueueWatcher(redis().admin, stage);
}

test("a queue that nobody uses is empty, and looking at it leaves nothing that stays", async () => {
  const stage = new Stage(redis());
  const view = await watcherOf(stage).readOnce();
  expect(view).toMatchObject({
    queue: stage.queue,
    jobs: { waiting: 0, active: 0, delayed: 0 },
    redis: { maxBytes: null },
    maps: [],
    machines: [],
  });
  expect(view.redis.usedBytes).toBeGreaterThan(100_000);
  expect(view.redis.version).toMatch(/^\d+\.\d+\.\d+/);
  const left = await redis().admin.keys(stage.keys.pattern);
  expect(left).toEqual([stage.keys.watch]);
  expect(await redis().admin.pttl(stage.keys.watch)).toSatisfy((ms: number) => ms > 0 && ms <= 5_000);
});

test("a machine tells what each of its processes runs, and since when", async () => {
  const stage = new Stage(redis());
  const marks = new Marks();
  const machine = await stage.machine({ processes: 2 });
  const item = { log: marks.log, gate: marks.gate };
  const pool = stage.pool();
  const map = pool.map("gated", [item, item, item]);
  await marks.started(2);
  const view = await watcherOf(stage).readOnce();
  expect(view.jobs).toEqual({ waiting: 1, active: 2, delayed: 0 });
  const [seen] = view.machines;
  expect(seen).toMatchObject({ id: machine.id, pid: process.pid, processes: 2, concurrency: 1, unfit: null });
  expect(seen?.tasks["gated"]).toEqual({ arity: 1 });
  expect(new Set(seen?.children?.map(({ pid }) => pid))).toEqual(new Set(machine.pids));
  const running = (seen?.children ?? []).flatMap((child) => child.running);
  expect(new Set(running.map(({ index }) => index))).toEqual(new Set([0, 1]));
  for (const run of running) {
    expect(run).toMatchObject({ task: "gated", mapId: map.id, items: 1, attempt: 1 });
    expect(run.sinceMs).toBeLessThanOrEqual(view.atMs + 50);
  }
  marks.open();
  await map;
  const after = await watcherOf(stage).readOnce();
  await expect
    .poll(async () => {
      const { machines } = await watcherOf(stage).read();
      const spans = (machines[0]?.children ?? []).flatMap((child) => child.spans);
      return spans.reduce((sum, { items }) => sum + items, 0);
    })
    .toBe(3);
  expect(after.jobs.waiting).toBe(0);
});

test("nobody is told what runs while nobody watches", async () => {
  const stage = new Stage(redis());
  await stage.machine();
  expect(await redis().admin.exists(stage.keys.workerDetail)).toBe(0);
  const watcher = watcherOf(stage);
  await watcher.readOnce();
  expect(await redis().admin.exists(stage.keys.workerDetail)).toBe(1);
  // As if the watcher were gone.
  await redis().admin.del(stage.keys.watch);
  await expect
    .poll(() => redis().admin.exists(stage.keys.workerDetail), { timeout: 10_000, interval: 100 })
    .toBe(0);
});

test("what can't be understood does not hide the rest", async () => {
  const stage = new Stage(redis());
  const machine = await stage.machine();
  const { maps, mapInfo, workers, workerInfo, workerDetail } = stage.keys;
  await redis().admin.zadd(maps, Date.now() + 60_000, "strange", Date.now() + 60_000, "stranger");
  await redis().admin.hset(mapInfo, { strange: "not JSON", stranger: '1 {"task":7}' });
  await redis().admin.zadd(workers, Date.now() + 60_000, "odd");
  await redis().admin.hset(workerInfo, { odd: "null" });
  await redis().admin.hset(workerDetail, { [machine.id]: "[]" });
  const view = await watcherOf(stage).readOnce();
  expect(view.maps).toEqual([]);
  expect(view.machines.map(({ id }) => id)).toEqual([machine.id]);
});
