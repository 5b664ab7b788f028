/** A Redis that is killed, wiped, full, blocked, demoted or written to by others. Rows 15, 16, 17, 18, 19, 25, 26 and 32. */

import { jobIdOf, queueKeys } from "@poolmq/shared/redis";
import { describe, expect, onTestFinished, test } from "vitest";

import type * as tasks from "../fixtures/fault-tasks.ts";
import {
  doubled,
  expectWhole,
  Failing,
  FaultStage,
  figure,
  RunLog,
  RUNS_LONG,
  SHORT_LOCKS,
  Watched,
} from "../support/fault-stage.ts";
import { LogRecords } from "../support/log-records.ts";
import { RedisServer } from "../support/redis-server.ts";
import type { RedisServerOptions } from "../support/redis-server.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { rejection } from "../support/stage.ts";
import { until, within } from "../support/until.ts";

async function startRedis(options: RedisServerOptions = {}): Promise<RedisServer> {
  const redis = await RedisServer.start(options);
  onTestFinished(() => redis.stop());
  return redis;
}

/** A map of so many items of 1 ms on one machine, of which some have ended. */
async function underLoad(stage: FaultStage, log: RunLog, count: number): Promise<Watched<number>> {
  await stage.machineProcess({ concurrency: 4, ...SHORT_LOCKS });
  const pool = stage.pool<typeof tasks>({ window: 500 });
  const map = new Watched<number>((options) => pool.map("work", log.items(count, { ms: 2 }), options));
  await map.done(Math.floor(count / 4));
  return map;
}

/** Waits until another item has ended; gives how long that took, in ms. */
async function untilGoesOn(map: Watched<number>): Promise<number> {
  const since = performance.now();
  const { done } = map.result.progress;
  await map.done(done + 1);
  return performance.now() - since;
}

describe("row 15", () => {
  test("Redis that is killed and restarted on its append-only file: the map goes on", async () => {
    const redis = await startRedis({ settings: { appendonly: "yes", appendfsync: "everysec" } });
    const stage = new FaultStage(redis);
    const log = new RunLog();
    const map = await underLoad(stage, log, 2_000);
    await redis.restart();
    figure(15, "next outcome after Redis is up again", await untilGoesOn(map), "ms");
    await expectWhole(map, doubled(2_000));
    figure(15, "items run again, of 2,000", log.reruns, "");
  });
});

describe("row 16", () => {
  test("FLUSHALL in the middle of a map: what is missing is enqueued again", async () => {
    const redis = await startRedis();
    const stage = new FaultStage(redis);
    const log = new RunLog();
    const map = await underLoad(stage, log, 1_000);
    await redis.admin.flushall();
    const since = performance.now();
    await expectWhole(map, doubled(1_000));
    figure(16, "complete after FLUSHALL", (performance.now() - since) / 1_000, "s");
    figure(16, "items run again after FLUSHALL, of 1,000", log.reruns, "");
  });

  test("Redis that comes back without its data: what is missing is enqueued again", async () => {
    const redis = await startRedis();
    const stage = new FaultStage(redis);
    const log = new RunLog();
    const map = await underLoad(stage, log, 1_000);
    await redis.restart();
    expect(await redis.admin.exists(stage.keys.job("id"))).toBe(0);
    const since = performance.now();
    await expectWhole(map, doubled(1_000));
    figure(16, "complete after a restart without data", (performance.now() - since) / 1_000, "s");
    figure(16, "items run again after a restart without data, of 1,000", log.reruns, "");
  });
});

test.for(RUNS_LONG ? [3, 20, 60] : [3])(
  "row 17: Redis that is away for %i s: the map goes on when it is back",
  { timeout: 120_000 },
  async (seconds) => {
    const redis = await startRedis({ settings: { appendonly: "yes" } });
    const stage = new FaultStage(redis);
    const log = new RunLog();
    const map = await underLoad(stage, log, 1_000);
    await redis.kill();
    const downAt = performance.now();
    await until(() => performance.now() - downAt > seconds * 1_000, {
      what: "the outage",
      everyMs: 100,
      timeoutMs: 70_000,
    });
    await redis.restart();
    figure(17, `next outcome after an outage of ${seconds} s`, (await untilGoesOn(map)) / 1_000, "s");
    await expectWhole(map, doubled(1_000));
    figure(17, `items run again after an outage of ${seconds} s, of 1,000`, log.reruns, "");
  },
);

test("row 25: maxmemory reached in the middle of a map: it waits, then goes on", async () => {
  const redis = await startRedis();
  const stage = new FaultStage(redis);
  const log = new RunLog();
  const map = await underLoad(stage, log, 1_000);
  await redis.admin.config("SET", "maxmemory", "1mb");
  const fullAt = performance.now();
  await until(() => performance.now() - fullAt > 1_500, { what: "three locks' time" });
  const { done } = map.result.progress;
  expect(done).toBeLessThan(1_000);
  await redis.admin.config("SET", "maxmemory", "0");
  figure(25, "next outcome after there is room again", await untilGoesOn(map), "ms");
  await expectWhole(map, doubled(1_000));
  figure(25, "items run again, of 1,000", log.reruns, "");
});

test("row 25: a process that is lost while Redis is full: its job stays, and knows of the loss", async () => {
  const redis = await startRedis();
  const stage = new FaultStage(redis);
  const log = new RunLog();
  const records = new LogRecords();
  const machine = await stage.machineProcess();
  const before = machine.children;
  const result = stage.pool<typeof tasks>({ logger: records.logger }).map("gated", log.items(1));
  const [run] = await log.started(1);
  await redis.admin.config("SET", "maxmemory", "1mb");
  process.kill(run?.pid ?? 0, "SIGKILL");
  await until(() => machine.children.some((pid) => !before.includes(pid)), { what: "another process" });
  await redis.admin.config("SET", "maxmemory", "0");
  const [, again] = await log.started(2);
  const job = queueKeys(stage.queue).job(jobIdOf(result.id, 0));
  expect(JSON.parse((await redis.admin.hget(job, "data")) ?? "")).toMatchObject({ suspect: { losses: 1 } });
  log.open();
  expect(await result).toEqual([0]);
  expect(again?.pid).not.toBe(run?.pid);
  expect(records.of("jobs vanished from Redis, enqueuing them again")).toEqual([]);
});

test("row 26: Redis that is blocked for two seconds loses and doubles nothing", async () => {
  const redis = await startRedis();
  const stage = new FaultStage(redis);
  const log = new RunLog();
  const map = await underLoad(stage, log, 1_500);
  await redis.admin.call("DEBUG", "SLEEP", "2");
  figure(26, "next outcome after DEBUG SLEEP 2", await untilGoesOn(map), "ms");
  await redis.admin.call("CLIENT", "PAUSE", "1500", "ALL");
  await redis.admin.ping();
  figure(26, "next outcome after CLIENT PAUSE", await untilGoesOn(map), "ms");
  await expectWhole(map, doubled(1_500));
  figure(26, "items run again, of 1,500", log.reruns, "");
});

describe("row 18", () => {
  test("a failover that loses acknowledged writes: what was lost is enqueued again", async () => {
    const primary = await startRedis({ listen: "tcp" });
    const replica = await startRedis({ listen: "tcp" });
    await replica.admin.replicaof("127.0.0.1", primary.port);
    await until(async () => (await replica.admin.info("replication")).includes("master_link_status:up"), {
      what: "the replica to follow",
    });
    const proxy = await TcpProxy.start({ port: primary.port, socket: "" });
    onTestFinished(() => proxy.stop());
    const stage = new FaultStage(proxy);
    const log = new RunLog();
    const map = await underLoad(stage, log, 1_500);
    // From here on nothing reaches the replica.
    await replica.admin.replicaof("127.0.0.1", 1);
    const before = map.result.progress.done;
    await map.done(before + 300);
    const kept = await primary.admin.dbsize();
    proxy.cut();
    await replica.admin.replicaof("NO", "ONE");
    proxy.retarget({ port: replica.port, socket: "" });
    await primary.kill();
    const since = performance.now();
    await expectWhole(map, doubled(1_500));
    expect(kept).toBeGreaterThan(0);
    figure(18, "complete after a failover that lost writes", (performance.now() - since) / 1_000, "s");
    figure(18, "items run again, of 1,500", log.reruns, "");
  });
});

test("row 19: a primary that is demoted and promoted again", async () => {
  const redis = await startRedis({ listen: "tcp" });
  const stage = new FaultStage(redis);
  const log = new RunLog();
  const map = await underLoad(stage, log, 1_000);
  // Of a primary that is not there: it keeps its data, and refuses writes.
  await redis.admin.replicaof("127.0.0.1", 1);
  const since = performance.now();
  await until(() => performance.now() - since > 1_000, { what: "a second" });
  await redis.admin.replicaof("NO", "ONE");
  figure(19, "next outcome after the promotion", await untilGoesOn(map), "ms");
  await expectWhole(map, doubled(1_000));
  expect(map.result.progress.failed).toBe(0);
  figure(19, "items run again, of 1,000", log.reruns, "");
});

describe("row 32", () => {
  test("a corrupt job of several items: the error is told for each of them", async () => {
    const redis = await startRedis();
    const stage = new FaultStage(redis);
    const log = new RunLog();
    const pool = stage.pool<typeof tasks>();
    const map = new Watched<number>((options) =>
      pool.map("work", log.items(9), { ...options, chunksize: 3 }),
    );
    const key = stage.keys.job(`${map.result.id}-3`);
    await until(async () => (await redis.admin.exists(key)) === 1, { what: "the job" });
    await redis.admin.hset(key, "data", "not JSON");
    await stage.machineProcess();
    await expectWhole(
      map,
      doubled(9).map((value, x) => (x >= 3 && x < 6 ? new Failing("CORRUPT_JOB") : value)),
    );
  });

  test.for(["opts", "parent"])("a job whose %s can't be read: its item runs all the same", async (field) => {
    const redis = await startRedis();
    const stage = new FaultStage(redis);
    const log = new RunLog();
    const pool = stage.pool<typeof tasks>();
    const map = new Watched<number>((options) => pool.map("work", log.items(6), options));
    const key = stage.keys.job(`${map.result.id}-2`);
    await until(async () => (await redis.admin.exists(key)) === 1, { what: "the job" });
    await redis.admin.hset(key, field, "not JSON");
    await stage.machineProcess(SHORT_LOCKS);
    await expectWhole(map, doubled(6));
    expect(log.reruns).toBe(0);
  });

  test("a map whose stream something else has taken fails, and no other map waits for it", async () => {
    const redis = await startRedis();
    const stage = new FaultStage(redis);
    const [taken, other] = [new RunLog(), new RunLog()];
    const machine = await stage.machineProcess({ concurrency: 2 });
    const pool = stage.pool<typeof tasks>();
    const broken = pool.map("gated", taken.items(1));
    const map = new Watched<number>((options) => pool.map("gated", other.items(1), options));
    await Promise.all([taken.started(1), other.started(1)]);
    await redis.admin.set(stage.keys.out(broken.id), "something else");
    taken.open();
    other.open();
    expect(await rejection(broken)).toMatchObject({ code: "DECODE" });
    await expectWhole(map, doubled(1));
    // It does not hold on to what it can never publish.
    await within(5_000, "the machine's end", machine.close());
    expect(taken.executions).toHaveLength(1);
  });

  test("a corrupt job, a corrupt outcome and a foreign entry: those items' errors, no loop", async () => {
    const redis = await startRedis();
    const stage = new FaultStage(redis);
    const log = new RunLog();
    const pool = stage.pool<typeof tasks>();
    const count = 20;
    const map = new Watched((options) => pool.map("work", log.items(count), options));
    const jobKey = (index: number): string => stage.keys.job(`${map.result.id}-${index}`);
    await until(async () => (await redis.admin.exists(jobKey(count - 1))) === 1, { what: "the jobs" });
    await redis.admin.hset(jobKey(3), "data", "not JSON");
    const out = stage.keys.out(map.result.id);
    await redis.admin.xadd(out, "*", "hello", "world");
    await redis.admin.xadd(out, "*", "i", "99", "ran", "0", "o", "=[1]");
    await redis.admin.xadd(out, "*", "i", "5", "ran", "0", "o", "rubbish");
    await stage.machineProcess();
    await expectWhole(
      map,
      doubled(count).map((value, x) => {
        if (x === 3) return new Failing("CORRUPT_JOB");
        return x === 5 ? new Failing("DECODE") : value;
      }),
    );
    expect(log.reruns).toBe(0);
    figure(32, "runs beyond one of each item", log.reruns, "");
  });
});
