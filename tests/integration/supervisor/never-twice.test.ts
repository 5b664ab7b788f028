/** What a machine does not run: an item that it is running already, and items that nobody wants any more. */

import { expect, onTestFinished, test } from "vitest";

import { Program } from "../../support/processes.ts";
import { RedisServer } from "../../support/redis-server.ts";
import { Marks, Stage } from "../../support/stage.ts";
import { until, within } from "../../support/until.ts";

async function ownStage(): Promise<{ readonly redis: RedisServer; readonly stage: Stage }> {
  const redis = await RedisServer.start();
  onTestFinished(() => redis.stop());
  return { redis, stage: new Stage(redis) };
}

/** Waits until Redis has given a lock up that nobody could renew meanwhile. */
async function freeze(redis: RedisServer, ms: number): Promise<void> {
  redis.pause();
  const from = performance.now();
  await until(() => performance.now() - from > ms, { what: "the locks to expire" });
  redis.resume();
}

test("a machine that is given a job which it is running takes the run over", async () => {
  const { redis, stage } = await ownStage();
  await stage.machine({ processes: 3, lockDurationMs: 500, stalledIntervalMs: 100 });
  const pool = stage.pool();
  const marks = new Marks();
  const map = pool.map("gated", [{ log: marks.log, gate: marks.gate }]);
  await marks.started(1);
  for (let outage = 1; outage <= 2; outage++) {
    await freeze(redis, 1_500);
    const id = `${map.id}-0`;
    const stalled = async (): Promise<boolean> =>
      Number(await redis.admin.hget(stage.keys.job(id), "stc")) >= outage;
    await until(stalled, { what: "the job to be given out again" });
    await until(async () => (await redis.admin.exists(`${stage.keys.job(id)}:lock`)) === 1, {
      what: "its lock to be held again",
    });
  }
  marks.open();
  expect(await within(10_000, "the result", map)).toHaveLength(1);
  expect(marks.lines).toHaveLength(1);
}, 40_000);

test("a job of a cancelled map does not run on a machine that starts later", async () => {
  const { redis, stage } = await ownStage();
  const pool = stage.pool();
  const marks = new Marks();
  const machine = await stage.machine();
  const map = pool.map(
    "gated",
    [1, 2].map(() => ({ log: marks.log, gate: marks.gate })),
  );
  map.then(undefined, () => {});
  await marks.started(1);
  // As when the machine is lost: its job stays active, and comes back when its lock has expired.
  const [active] = await redis.admin.lrange(stage.keys.job("active"), 0, -1);
  expect(active).toBeDefined();
  const kept = await redis.admin.hgetall(stage.keys.job(active ?? ""));
  map.cancel("never mind");
  await map.wait();
  await machine.close(0);
  await until(async () => (await redis.admin.exists(stage.keys.done(map.id))) === 0, { what: "the cancel" });
  await redis.admin.hset(stage.keys.job(active ?? ""), kept);
  await redis.admin.lpush(stage.keys.job("wait"), active ?? "");
  await redis.admin.zadd(stage.keys.job("marker"), 0, "0");
  await stage.machine();
  await until(async () => (await redis.admin.exists(stage.keys.job(active ?? ""))) === 0, {
    what: "the job to be dropped",
  });
  expect(marks.lines).toHaveLength(1);
}, 40_000);

test("jobs of a producer that died are dropped when they are fetched, once it has been silent for long", async () => {
  const { redis, stage } = await ownStage();
  const marks = new Marks();
  const producer = Program.source(
    `import { Pool } from "@poolmq/producer";
     const pool = new Pool({ connection: ${JSON.stringify(redis.url)}, queue: ${JSON.stringify(stage.queue)} });
     const call = ${JSON.stringify({ log: marks.log, gate: marks.gate })};
     await pool.map("gated", [call, call, call], { chunksize: 1 });`,
  );
  onTestFinished(() => producer[Symbol.asyncDispose]());
  const told = async (): Promise<boolean> => (await redis.admin.hlen(stage.keys.mapInfo)) === 1;
  await until(told, { what: "the producer to tell of its map" });
  producer.kill("SIGKILL");
  await producer.exited;
  const from = performance.now();
  await until(() => performance.now() - from > 11_000, { what: "its silence", timeoutMs: 15_000 });
  await stage.machine();
  const left = async (): Promise<boolean> =>
    (await redis.admin.llen(stage.keys.job("wait"))) + (await redis.admin.llen(stage.keys.job("active"))) ===
    0;
  await until(left, { what: "the jobs to be dropped" });
  expect(marks.lines).toEqual([]);
}, 40_000);
