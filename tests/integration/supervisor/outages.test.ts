/** A worker machine while Redis is away: what it says, and what it waits for. */

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { expect, onTestFinished, test } from "vitest";

import { RedisServer } from "../../support/redis-server.ts";
import { Marks, Stage, TASKS, temporaryFolder } from "../../support/stage.ts";
import { until, within } from "../../support/until.ts";
import { recordsOf, startWorker } from "../../support/worker-program.ts";

const MODULE = fileURLToPath(TASKS);

async function ownRedis(): Promise<RedisServer> {
  const redis = await RedisServer.start();
  onTestFinished(() => redis.stop());
  return redis;
}

test("an outage with work under way is one line when it begins and one when it ends", async () => {
  const redis = await ownRedis();
  const stage = new Stage(redis);
  const worker = startWorker(MODULE, { url: redis.url, queue: stage.queue }, ["--log-level", "info"]);
  await worker.line(/worker machine ready/);
  const marks = new Marks();
  const map = stage.pool().map("gated", [{ log: marks.log, gate: marks.gate }]);
  await marks.started(1);
  await redis.kill();
  await worker.line(/Redis connection lost/);
  // Long enough for many tries to connect: `queue error` came with each of them.
  const from = performance.now();
  await until(() => performance.now() - from > 3_000, { what: "some of the outage" });
  marks.open();
  await redis.restart();
  await worker.line(/Redis connection is back/);
  expect(await map).toHaveLength(1);
  // This Redis kept nothing, of which there may be a line too; but no kind of line comes twice.
  const told = recordsOf(worker).filter(({ level }) => level >= 40);
  const messages = told.map(({ msg }) => msg);
  expect(messages[0]).toMatch(/^Redis connection lost/);
  expect(messages.toSorted()).toEqual([...new Set(messages)].toSorted());
  expect(JSON.stringify(told)).not.toMatch(/ECONNREFUSED|ENOENT|Connection is closed/);
});

test("a machine whose Redis becomes a replica says so once, and goes on when that is the primary again", async () => {
  const redis = await ownRedis();
  const stage = new Stage(redis);
  const worker = startWorker(MODULE, { url: redis.url, queue: stage.queue }, ["--log-level", "info"]);
  await worker.line(/worker machine ready/);
  // Nothing listens there: a replica without its primary keeps its data.
  await redis.admin.call("REPLICAOF", "127.0.0.1", "1");
  await worker.line(/it is a read-only replica/);
  // Long enough for many tries: each finds a connection that stands, and a command that is refused.
  const from = performance.now();
  await until(() => performance.now() - from > 3_000, { what: "some of that time" });
  await redis.admin.call("REPLICAOF", "NO", "ONE");
  await worker.line(/Redis connection is back/);
  expect(await stage.pool().map("increment", [1])).toEqual([2]);
  const told = recordsOf(worker).filter(({ msg }) => /Redis|queue error|heartbeat/.test(String(msg)));
  expect(told.map(({ msg }) => msg)).toEqual([
    "Redis connection lost, trying again until it is back",
    "Redis refuses the connection",
    "Redis connection is back",
  ]);
  expect(told[1]).toMatchObject({ reason: "it is a read-only replica" });
});

test.for([
  ["another password", ["resetpass", ">two"], /does not accept the user name and password/],
  ["no right to its keys", ["resetkeys"], /NOPERM/],
] as const)(
  "a machine whose login gets %s says so once, and ends when it is told to",
  async ([, rules, said]) => {
    const redis = await RedisServer.start({ listen: "tcp" });
    onTestFinished(() => redis.stop());
    await redis.admin.call("ACL", "SETUSER", "app", "on", ">one", "~*", "&*", "+@all");
    const worker = startWorker(MODULE, { url: redis.url.replace("//", "//app:one@"), queue: "q" });
    await worker.line(/worker machine ready/);
    await redis.admin.call("ACL", "SETUSER", "app", ...rules);
    await redis.admin.call("CLIENT", "KILL", "USER", "app");
    await worker.line(said);
    const from = performance.now();
    await until(() => performance.now() - from > 2_000, { what: "many more tries" });
    worker.kill("SIGTERM");
    await within(20_000, "its end", worker.exited);
    const messages = recordsOf(worker).flatMap(({ level, msg }) => (Number(level) >= 40 ? [msg] : []));
    expect(messages.toSorted()).toEqual([...new Set(messages)].toSorted());
    expect(worker.output).not.toContain("MaxListeners");
  },
);

test("a worker that starts while Redis is away waits for it, and says so", async () => {
  const redis = await ownRedis();
  const stage = new Stage(redis);
  await redis.kill();
  const worker = startWorker(MODULE, { url: redis.url, queue: stage.queue });
  await worker.line(/"msg":"waiting for Redis"/);
  await redis.restart();
  await worker.line(/worker machine ready/);
  expect(await stage.pool().map("increment", [1])).toEqual([2]);
});

test("a worker whose processes are killed at each start while Redis is away goes on, and serves in the end", async () => {
  const redis = await ownRedis();
  const stage = new Stage(redis);
  await redis.kill();
  const log = join(temporaryFolder(), "starts");
  writeFileSync(log, "");
  const pids = (): number[] => readFileSync(log, "utf8").split("\n").slice(0, -1).map(Number);
  const module = fileURLToPath(new URL("../../fixtures/slow-start.ts", import.meta.url));
  const at = { url: redis.url, queue: stage.queue };
  const worker = startWorker(module, at, ["--env", "START_LOG"], { START_LOG: log });
  for (let killed = 0; killed < 4; killed++) {
    const pid = await until(() => pids()[killed], { what: `start ${killed + 1}` });
    process.kill(pid, "SIGKILL");
  }
  writeFileSync(`${log}.gate`, "");
  await redis.restart();
  await worker.line(/worker machine ready/);
});

test("a worker that waits for Redis ends at once when it is told to", async () => {
  const redis = await ownRedis();
  await redis.kill();
  const worker = startWorker(MODULE, { url: redis.url, queue: "q" });
  await worker.line(/"msg":"waiting for Redis"/);
  worker.kill("SIGTERM");
  expect(await within(5_000, "its end", worker.exited)).toMatchObject({ code: 0 });
});

test("--connect-timeout-ms bounds how long a worker waits for Redis", async () => {
  const redis = await ownRedis();
  await redis.kill();
  const worker = startWorker(MODULE, { url: redis.url, queue: "q" }, ["--connect-timeout-ms", "500"]);
  expect(await within(10_000, "its end", worker.exited)).toMatchObject({ code: 1 });
  expect(worker.output).toMatch(/within 500 ms/);
});

test.each(["killed", "frozen"])(
  "an idle worker ends at once on SIGTERM while Redis is %s",
  async (how) => {
    const redis = await ownRedis();
    const stage = new Stage(redis);
    const worker = startWorker(MODULE, { url: redis.url, queue: stage.queue });
    await worker.line(/worker machine ready/);
    expect(await stage.pool().map("increment", [1])).toEqual([2]);
    // A worker is idle only once Redis has confirmed the outcome of its last job.
    await until(async () => (await redis.admin.llen(stage.keys.job("active"))) === 0, {
      what: "the worker to be idle",
    });
    if (how === "killed") {
      await redis.kill();
      await worker.line(/Redis connection lost/);
    } else {
      redis.pause();
      onTestFinished(() => redis.resume());
    }
    worker.kill("SIGTERM");
    expect(await within(6_000, "its end", worker.exited)).toMatchObject({ code: 0 });
  },
  40_000,
);

test("a worker whose last outcome Redis did not take does not wait for its whole deadline while Redis is away", async () => {
  const redis = await ownRedis();
  const stage = new Stage(redis);
  const worker = startWorker(MODULE, { url: redis.url, queue: stage.queue }, [
    "--shutdown-timeout-ms",
    "600000",
  ]);
  await worker.line(/worker machine ready/);
  const marks = new Marks();
  void stage
    .pool()
    .map("gated", [{ log: marks.log, gate: marks.gate }])
    .wait();
  await marks.started(1);
  await redis.kill();
  await worker.line(/Redis connection lost/);
  marks.open();
  worker.kill("SIGTERM");
  expect(await within(40_000, "its end", worker.exited)).toMatchObject({ code: 0 });
}, 60_000);

test("a worker that is ready says what it serves, and where", async () => {
  const redis = await ownRedis();
  const stage = new Stage(redis);
  const worker = startWorker(MODULE, { url: redis.url, queue: stage.queue });
  await worker.line(/worker machine ready/);
  const [ready] = recordsOf(worker).filter(({ msg }) => msg === "worker machine ready");
  expect(ready).toMatchObject({
    queue: stage.queue,
    redis: redis.url,
    version: expect.stringMatching(/^\d+\.\d+\.\d+/),
    supervisorPid: expect.any(Number),
  });
});

test("a lost child is told with the item that took it down", async () => {
  const redis = await ownRedis();
  const stage = new Stage(redis);
  const worker = startWorker(MODULE, { url: redis.url, queue: stage.queue }, ["--worker-loss-attempts", "1"]);
  const handle = stage.pool().map("exit", [3]);
  await handle.wait();
  await worker.line(/"msg":"child lost"/);
  const [line] = recordsOf(worker).filter(({ msg }) => msg === "child lost");
  expect(line).toMatchObject({
    exitCode: 3,
    items: [{ task: "exit", mapId: handle.id, index: 0, attempt: 1 }],
  });
});

test("items that throw leave one line with task, map, index, attempt and error, and then a count", async () => {
  const redis = await ownRedis();
  const stage = new Stage(redis);
  const worker = startWorker(MODULE, { url: redis.url, queue: stage.queue });
  const pool = stage.pool();
  const handle = pool.map("fail", [1, 3, 5, 7, 9], { chunksize: 1 });
  await handle.wait();
  await worker.line(/"msg":"item threw"/);
  const [line, ...more] = recordsOf(worker).filter(({ msg }) => msg === "item threw");
  expect(more).toEqual([]);
  expect(line).toMatchObject({
    level: 40,
    task: "fail",
    mapId: handle.id,
    index: expect.any(Number),
    attempt: 1,
    error: "PaymentError",
    frames: expect.arrayContaining([expect.stringContaining("tasks.ts")]),
  });
});
