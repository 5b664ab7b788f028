import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { Machines } from "@poolmq/shared/redis";
import { describe, expect, onTestFinished, test } from "vitest";

import type * as oneTask from "../../fixtures/one-task.ts";
import { RedisServer } from "../../support/redis-server.ts";
import { Stage, TASKS } from "../../support/stage.ts";
import { until } from "../../support/until.ts";
import { startWorker } from "../../support/worker-program.ts";

const MODULE = fileURLToPath(TASKS);

async function stageOnOwnRedis(): Promise<{ redis: RedisServer; stage: Stage }> {
  const redis = await RedisServer.start();
  onTestFinished(() => redis.stop());
  return { redis, stage: new Stage(redis) };
}

test("a machine says that its Redis is gone, says that it is back, and goes on", async () => {
  const { redis, stage } = await stageOnOwnRedis();
  const worker = startWorker(MODULE, { url: redis.url, queue: stage.queue });
  await worker.line(/worker machine ready/);
  const pool = stage.pool();
  expect(await pool.map("increment", [1])).toEqual([2]);
  await redis.restart();
  await worker.line(/Redis connection lost/);
  await worker.line(/Redis connection is back/);
  expect(await pool.map("increment", [2])).toEqual([3]);
});

test("a machine that was frozen says that it renews its locks late, and goes on", async () => {
  const { redis, stage } = await stageOnOwnRedis();
  const worker = startWorker(MODULE, { url: redis.url, queue: stage.queue });
  await worker.line(/worker machine ready/);
  worker.kill("SIGSTOP");
  // The freeze itself: longer than the locks last (3 s).
  await delay(3_500);
  worker.kill("SIGCONT");
  await worker.line(/machine overloaded: locks are renewed late/);
  expect(await stage.pool().map("increment", [1])).toEqual([2]);
});

describe("a machine that is silent for longer than it counts as live, and did not sign off", () => {
  const ONLY = new URL("../../fixtures/one-task.ts", import.meta.url);

  /** Writes what such a machine left in Redis: it has the task `only`. */
  async function leaveSilent({ admin }: RedisServer, { workers, workerInfo }: Stage["keys"]): Promise<void> {
    const advertisement = { v: 1, id: "silent", host: "h", pid: 1, processes: 1, concurrency: 1 };
    const tasks = { only: { arity: 1 } };
    const [seconds] = await admin.time();
    await admin.zadd(workers, Number(seconds) * 1_000 - 6_000, "silent");
    await admin.hset(workerInfo, "silent", JSON.stringify({ ...advertisement, tasks }));
  }

  test("gets the jobs of its tasks when it is back: other machines neither fail them nor do producers", async () => {
    const { redis, stage } = await stageOnOwnRedis();
    await stage.machine();
    await leaveSilent(redis, stage.keys);
    const result = stage.pool<typeof oneTask>().map("only", [1, 2]);
    const delayed = stage.keys.job("delayed");
    await until(async () => (await redis.admin.zcard(delayed)) > 0, { what: "a job to be handed on" });
    await stage.machine({ module: ONLY });
    expect(await result).toEqual([1, 2]);
  });

  test("is asked for once for all jobs that come at the same time", async () => {
    const { redis, stage } = await stageOnOwnRedis();
    await leaveSilent(redis, stage.keys);
    const machines = new Machines(redis.admin, stage.keys);
    expect(await machines.live()).toEqual([]);
    await redis.admin.config("RESETSTAT");
    const all = await Promise.all(Array.from({ length: 100 }, async () => await machines.remembered()));
    expect(all.flat().map(({ id }) => id)).toEqual(Array.from({ length: 100 }, () => "silent"));
    const stats = await redis.admin.info("commandstats");
    expect(Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1])).toBeLessThanOrEqual(2);
  });
});
