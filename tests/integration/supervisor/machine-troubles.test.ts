import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { expect, onTestFinished, test } from "vitest";

import { RedisServer } from "../../support/redis-server.ts";
import { Stage, TASKS } from "../../support/stage.ts";
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
