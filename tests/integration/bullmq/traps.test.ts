/** What BullMQ and ioredis do when left to themselves, and poolmq must not. */

import { Queue } from "bullmq";
import { expect, onTestFinished, test } from "vitest";

import { redisForFile } from "../../support/redis-server.ts";
import { Marks, rejection, Stage } from "../../support/stage.ts";
import { TcpProxy } from "../../support/tcp-proxy.ts";
import { until, within } from "../../support/until.ts";
import { isCompletion } from "../../support/worker-commands.ts";

const redis = redisForFile();

/** Waits until the map's jobs are in Redis; gives their ids. */
async function jobIds(stage: Stage, mapId: string, count: number): Promise<string[]> {
  const prefix = stage.keys.job(mapId);
  return until(
    async () => {
      const keys = await redis().admin.keys(`${prefix}-*`);
      return keys.length === count ? keys.map((key) => key.slice(prefix.length - mapId.length)) : undefined;
    },
    { what: `${count} jobs in Redis` },
  );
}

async function startProxy(): Promise<TcpProxy> {
  const proxy = await TcpProxy.start(redis());
  onTestFinished(() => proxy.stop());
  return proxy;
}

test("a task that blocks for longer than the lock runs once", async () => {
  const stage = new Stage(redis());
  const marks = new Marks();
  const timing = { lockDurationMs: 500, stalledIntervalMs: 100 };
  await stage.machine(timing);
  await stage.machine(timing);
  expect(await stage.pool().map("spin", [{ log: marks.log, ms: 2_500 }])).toHaveLength(1);
  expect(marks.lines).toHaveLength(1);
});

test("a wall clock that is set back does not lose a lock", async () => {
  const stage = new Stage(redis());
  const marks = new Marks();
  const timing = { lockDurationMs: 500, stalledIntervalMs: 100 };
  await stage.machine(timing);
  const result = stage.pool().map("gated", [{ log: marks.log, gate: marks.gate }]);
  await marks.started(1);
  await stage.machine(timing);
  const now = Date.now;
  onTestFinished(() => void (Date.now = now));
  Date.now = () => now() - 60_000;
  // Several locks long.
  const deadline = performance.now() + 2_000;
  await until(() => performance.now() > deadline, { what: "the lock's time to pass" });
  marks.open();
  expect(await result).toHaveLength(1);
  expect(marks.lines).toHaveLength(1);
});

test("results do not travel through BullMQ's event stream, which is kept short", async () => {
  const stage = new Stage(redis());
  await stage.machine();
  const items = Array.from({ length: 2_000 }, (_, index) => index);
  await stage.pool().map("increment", items);
  expect(await redis().admin.xlen(stage.keys.job("events"))).toBeLessThan(200);
});

test("finished jobs leave nothing in Redis", async () => {
  const stage = new Stage(redis());
  await stage.machine();
  const pool = stage.pool();
  await pool.map("increment", [1, 2, 3]);
  await rejection(pool.map("fail", [1]));
  await pool[Symbol.asyncDispose]();
  const keys = await redis().admin.keys(stage.keys.pattern);
  const names = keys.map((key) => key.slice(stage.keys.job("").length)).sort();
  expect(
    names
      .filter(
        (name) => !/^(meta|events|stalled-check|id|marker|workers|worker-info|idle|wake:.*)$/.test(name),
      )
      // What is told of a failed map, which expires: `poolmq maps` and `poolmq errors` show it.
      .filter((name) => !/^(maps|map-info|map:[^:]+:errors)$/.test(name)),
  ).toEqual([]);
});

test.for([
  ["data", "not JSON"],
  ["data", "null"],
  ["data", "[]"],
  ["data", '{"v":1}'],
  ["data", ""],
  ["stacktrace", "not JSON"],
  ["attemptsMade", "many"],
] as const)("a job whose %s is %j ends its own item without a loop, and no other", async ([field, value]) => {
  const stage = new Stage(redis());
  const marks = new Marks();
  const result = stage.pool().map("throwOdd", [{ kind: "text", log: marks.log }]);
  const [jobId = ""] = await jobIds(stage, result.id, 1);
  await redis().admin.hset(stage.keys.job(jobId), field, value);
  await stage.machine();
  expect(await stage.pool().map("increment", [1, 2])).toEqual([2, 3]);
  const error = await within(6_000, "the item's error", rejection(result));
  if (field === "data")
    expect(error).toMatchObject({ code: "CORRUPT_JOB", message: expect.stringContaining("item 0") });
  else if (typeof error !== "string") expect(error).toMatchObject({ code: "CORRUPT_JOB" });
  expect(marks.lines.length).toBeLessThanOrEqual(1);
});

test("a job whose data names another map or index than its id is corrupt", async () => {
  const stage = new Stage(redis());
  const result = stage.pool().map("increment", [1, 2]);
  const [jobId = ""] = await jobIds(stage, result.id, 2);
  const key = stage.keys.job(jobId);
  const data = JSON.parse((await redis().admin.hget(key, "data")) ?? "") as { at: number };
  // Past what a bitmap can hold, which Redis would refuse for ever.
  await redis().admin.hset(key, "data", JSON.stringify({ ...data, at: 2 ** 40 }));
  await stage.machine();
  expect(await within(6_000, "the error", rejection(result))).toMatchObject({ code: "CORRUPT_JOB" });
  expect(result.progress).toMatchObject({ total: 2, done: 2, failed: 1 });
});

test.for([
  [{ ttlMs: undefined }, [2, 3]],
  [{ ttlMs: "soon" }, [2, 3]],
  [{ ttlMs: -5 }, [2, 3]],
  [{ ttlMs: 1e300 }, [2, 3]],
  [{ v: 99, ttlMs: undefined }, "WIRE_VERSION"],
  [{ n: 1e9 }, "CORRUPT_JOB"],
  [{ n: 2 }, "DECODE"],
  [{ args: "[[1],[2]]" }, "DECODE"],
  [{ args: "7" }, "DECODE"],
  [{ args: "^[5]" }, "DECODE"],
  [{ timeoutMs: -1 }, "CORRUPT_JOB"],
  [{ shares: 5 }, "CORRUPT_JOB"],
  [{ shares: [["x", 1]] }, "CORRUPT_JOB"],
  [{ shares: [[0, "nobody's"]] }, "SHARED_VALUE_GONE"],
  [{ kept: {} }, "CORRUPT_JOB"],
  [{ suspect: 1 }, "CORRUPT_JOB"],
] as const)("a job whose data has %j holds up no process", async ([damage, expected]) => {
  const stage = new Stage(redis());
  const result = stage.pool().map("increment", [1, 2]);
  await jobIds(stage, result.id, 2);
  const key = stage.keys.job(`${result.id}-0`);
  const data = JSON.parse((await redis().admin.hget(key, "data")) ?? "") as object;
  await redis().admin.hset(key, "data", JSON.stringify({ ...data, ...damage }));
  await stage.machine();
  const outcome = typeof expected === "string" ? expect.objectContaining({ code: expected }) : expected;
  const settled = result.then(
    (results) => results,
    (error: unknown) => error,
  );
  expect(await within(6_000, "the outcome", settled)).toEqual(outcome);
  expect(await within(6_000, "the next map", stage.pool().map("increment", [5]))).toEqual([6]);
});

test("a job of a newer wire version is refused, and says so", async () => {
  const stage = new Stage(redis());
  const result = stage.pool().map("increment", [1]);
  const [jobId = ""] = await jobIds(stage, result.id, 1);
  const key = stage.keys.job(jobId);
  const data = JSON.parse((await redis().admin.hget(key, "data")) ?? "") as object;
  await redis().admin.hset(key, "data", JSON.stringify({ ...data, v: 99 }));
  await stage.machine();
  expect(await rejection(result)).toMatchObject({ code: "WIRE_VERSION" });
});

test.for(["meta", "7", "0:1", "x", "../../etc"])(
  "a foreign job with the id %j does not stop the queue",
  async (id) => {
    const stage = new Stage(redis());
    await stage.machine();
    const queue = new Queue(stage.keys.bullName, {
      connection: { path: redis().socket },
      prefix: stage.keys.bullPrefix,
    });
    onTestFinished(() => queue.close());
    await queue.waitUntilReady();
    // Past BullMQ's own checks.
    const key = stage.keys.job(id);
    if ((await redis().admin.type(key)) === "none")
      await redis().admin.hset(key, { name: "increment", data: "[1]", opts: "{}" });
    await redis().admin.lpush(stage.keys.job("wait"), id);
    await redis().admin.zadd(stage.keys.job("marker"), 0, "0");
    await queue.add("increment", { hello: 1 }).catch(() => undefined);
    expect(await within(6_000, "the results", stage.pool().map("increment", [1, 2]))).toEqual([2, 3]);
  },
);

test("foreign and damaged entries in a map's stream do not stop it", async () => {
  const stage = new Stage(redis());
  const result = stage.pool().map("increment", [1, 2, 3]);
  await jobIds(stage, result.id, 3);
  const out = stage.keys.out(result.id);
  await redis().admin.xadd(out, "*", "hello", "world");
  await redis().admin.xadd(out, "*", "i", "99", "ran", "0", "o", "=[1]");
  await redis().admin.xadd(out, "*", "i", "x", "ran", "0", "o", "=[1]");
  await redis().admin.xadd(out, "*", "i", "", "ran", "0", "o", "=[1]");
  await redis().admin.xadd(out, "*", "i", "1", "ran", "0", "o", "rubbish");
  await stage.machine();
  expect(await rejection(result)).toMatchObject({ code: "DECODE" });
  expect(result.progress).toMatchObject({ total: 3, done: 3, failed: 1 });
});

test("a damaged advertisement of a worker machine does not stop maps", async () => {
  const stage = new Stage(redis());
  await stage.machine();
  const now = Date.now();
  for (const [id, text] of [
    ["a", "not JSON"],
    ["b", "null"],
    ["c", "{}"],
    ["d", '{"tasks":5}'],
  ] as const) {
    await redis().admin.zadd(stage.keys.workers, now + 60_000, id);
    await redis().admin.hset(stage.keys.workerInfo, id, text);
  }
  const pool = stage.pool();
  expect(await within(5_000, "the results", pool.map("increment", [1]))).toEqual([2]);
  const untyped = pool as unknown as { map(task: string, items: unknown[]): PromiseLike<unknown> };
  expect(await within(5_000, "the refusal", rejection(untyped.map("nope", [1])))).toMatchObject({
    code: "TASK_NOT_REGISTERED",
  });
});

test("rubbish on the control channel does not stop a worker machine", async () => {
  const stage = new Stage(redis());
  await stage.machine();
  for (const text of ["not JSON", "null", "5", "{}", '{"t":"cancel"}', '{"t":"cancel","map":5}'])
    await redis().admin.publish(stage.keys.control, text);
  expect(await stage.pool().map("increment", [1])).toEqual([2]);
});

test("Redis that forgot its scripts gets them again", async () => {
  const stage = new Stage(redis());
  await stage.machine();
  const pool = stage.pool();
  await pool.map("increment", [1]);
  await redis().admin.script("FLUSH");
  expect(await pool.map("increment", [1])).toEqual([2]);
});

test.for([
  "-LOADING Redis is loading the dataset in memory",
  "-READONLY You can't write against a read only replica.",
])("one reply %j to any script marks nothing failed and runs nothing twice", async (answer) => {
  const stage = new Stage(redis());
  const marks = new Marks();
  const proxy = await startProxy();
  await stage.machine({ connection: proxy.url });
  const pool = stage.pool({ connection: proxy.url });
  expect(await pool.map("increment", [1])).toEqual([2]);
  const result = pool.map("gated", [{ log: marks.log, gate: marks.gate }]);
  await marks.started(1);
  // Publishing the outcome, then completing the job.
  const publish = proxy.meddle(([name]) => /^eval/i.test(name ?? ""), { answer }, 2);
  marks.open();
  await publish;
  expect(await within(8_000, "the result", result)).toHaveLength(1);
  expect(marks.lines).toHaveLength(1);
  expect(await within(8_000, "the next result", pool.map("increment", [1]))).toEqual([2]);
});

test("a lost reply to the completion of a job neither loses nor doubles a result", async () => {
  const stage = new Stage(redis());
  const proxy = await startProxy();
  await stage.machine({ connection: proxy.url, lockDurationMs: 500, stalledIntervalMs: 100 });
  const pool = stage.pool();
  expect(await pool.map("increment", [1])).toEqual([2]);
  const items = Array.from({ length: 300 }, (_, index) => index);
  const lost = proxy.meddle(isCompletion, { loseReply: true }, 3);
  const result = pool.map("increment", items);
  await lost;
  expect(await within(10_000, "the results", result)).toEqual(items.map((x) => x + 1));
});

test("connections that are cut again and again cost nothing but time", async () => {
  const stage = new Stage(redis());
  const proxy = await startProxy();
  await stage.machine({ connection: proxy.url, lockDurationMs: 500, stalledIntervalMs: 100 });
  const pool = stage.pool({ connection: proxy.url });
  const items = Array.from({ length: 5_000 }, (_, index) => index);
  const result = pool.map("increment", items);
  for (let cuts = 0; cuts < 5; cuts++) {
    const done = result.progress.done;
    await until(() => result.progress.done > done || result.ready(), { what: "progress" });
    proxy.cut();
  }
  const results = await within(20_000, "the results", result);
  expect(results.join() === items.map((x) => x + 1).join()).toBe(true);
});
