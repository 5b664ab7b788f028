/** What Redis refuses and goes on refusing: whoever asked is told so, by an error that names the cause. */

import { RedisRefusedError } from "@poolmq/shared";
import { pino } from "pino";
import { expect, onTestFinished, test } from "vitest";

import { LogRecords } from "../../support/log-records.ts";
import { RedisServer } from "../../support/redis-server.ts";
import { Marks, rejection, Stage } from "../../support/stage.ts";
import { until, within } from "../../support/until.ts";

/** A Redis with a login `app` that may do all, until the test takes that from it. */
async function startRedis(): Promise<{ redis: RedisServer; connection: string }> {
  const redis = await RedisServer.start({ listen: "tcp" });
  onTestFinished(() => redis.stop());
  await redis.admin.call("ACL", "SETUSER", "app", "on", ">one", "~*", "&*", "+@all");
  const url = new URL(redis.url);
  url.username = "app";
  url.password = "one";
  return { redis, connection: url.href };
}

test.for(["stats", "ready"] as const)("%s() without the right to its keys", async (call) => {
  const { redis, connection } = await startRedis();
  const pool = new Stage(redis).pool({ connection });
  await pool.stats();
  await redis.admin.call("ACL", "SETUSER", "app", "resetkeys");
  const error = await rejection(pool[call]());
  expect(error).toBeInstanceOf(RedisRefusedError);
  expect(error).toMatchObject({ reason: "permission" });
});

test("calls of a pool that starts without the right to its keys", async () => {
  const { redis, connection } = await startRedis();
  await redis.admin.call("ACL", "SETUSER", "app", "resetkeys");
  const pool = new Stage(redis).pool({ connection });
  for (const call of [pool.stats(), pool.map("increment", [1]), pool.map("increment", [1], { mapId: "m" })]) {
    expect(await rejection(call)).toMatchObject({ code: "REDIS_REFUSED", reason: "permission" });
  }
});

test("a map that Redis refuses is not said to wait for a worker", async () => {
  const { redis } = await startRedis();
  await redis.admin.config("SET", "min-replicas-to-write", "1");
  const warnings: string[] = [];
  const logger = pino({ level: "warn" }, { write: (line) => void warnings.push(line) });
  const pool = new Stage(redis).pool({ logger });
  void pool.map("increment", [1]).wait();
  const said = (text: string): boolean => warnings.some((line) => line.includes(text));
  await until(() => said("Redis refuses what is asked of it: fewer replicas"), {
    what: "the refusal to be told",
  });
  // Later than a map without workers is told of.
  const since = performance.now();
  await until(() => performance.now() - since > 2_000, { what: "the time of the other warning to pass" });
  expect(said("No worker serves queue")).toBe(false);
  await redis.admin.config("SET", "min-replicas-to-write", "0");
  await until(() => said("No worker serves queue"), { what: "the missing worker to be told" });
});

/** A map with an item that waits for its gate, on a worker that keeps its own login. */
async function running(
  redis: RedisServer,
  options: { readonly connection: string; readonly mapId?: string },
): Promise<{ map: PromiseLike<unknown>; stage: Stage; marks: Marks; warnings: string[] }> {
  const stage = new Stage(redis);
  await stage.machine();
  const records = new LogRecords();
  const pool = stage.pool({ connection: options.connection, logger: records.logger });
  const marks = new Marks();
  const map = pool.map("gated", [{ log: marks.log, gate: marks.gate }], { mapId: options.mapId });
  map.then(undefined, () => {});
  await marks.started(1);
  return { map, stage, marks, warnings: records.lines };
}

test("a map whose password is changed ends in a typed error, and a durable one stays for others", async () => {
  const { redis, connection } = await startRedis();
  const { map, stage, marks } = await running(redis, { connection, mapId: "m" });
  await redis.admin.call("ACL", "SETUSER", "app", "resetpass", ">two");
  await redis.admin.call("CLIENT", "KILL", "USER", "app");
  const error = await within(20_000, "the end of the map", rejection(map));
  expect(error).toMatchObject({ code: "REDIS_REFUSED", reason: "auth" });
  marks.open();
  expect(await within(20_000, "the result", stage.pool().attach("m"))).toHaveLength(1);
});

test.for(["-evalsha -eval", "resetkeys"])(
  "a map whose login gets %s ends in a typed error",
  async (rules) => {
    const { redis, connection } = await startRedis();
    const { map, marks } = await running(redis, { connection });
    await redis.admin.call("ACL", "SETUSER", "app", ...rules.split(" "));
    const error = await within(20_000, "the end of the map", rejection(map));
    expect(error).toMatchObject({ code: "REDIS_REFUSED", reason: "permission" });
    marks.open();
  },
);

test("a map whose Redis becomes a replica is said to wait for it, and goes on when it is the primary again", async () => {
  const { redis, connection } = await startRedis();
  const { map, stage, marks, warnings } = await running(redis, { connection });
  const busy = stage.pool();
  await busy.stats();
  const leaks: string[] = [];
  const onWarning = ({ name }: Error): void => void leaks.push(name);
  process.on("warning", onWarning);
  onTestFinished(() => void process.off("warning", onWarning));
  // Nothing listens there: a replica without its primary keeps its data.
  await redis.admin.call("REPLICAOF", "127.0.0.1", "1");
  // Many commands are refused in one reply.
  const calls = Array.from({ length: 30 }, (_, x) => busy.apply("increment", [x]));
  marks.open();
  const told = (): string[] => warnings.filter((line) => line.includes("Redis refuses"));
  await until(() => told().length > 0, { what: "the warning" });
  await redis.admin.call("REPLICAOF", "NO", "ONE");
  expect(await within(20_000, "the result", map)).toHaveLength(1);
  expect(await within(20_000, "the calls", Promise.all(calls))).toHaveLength(30);
  expect(leaks).not.toContain("MaxListenersExceededWarning");
  expect(told()).toEqual([expect.stringMatching(/it is a read-only replica, so a map waits for it/)]);
  expect(warnings.filter((line) => line.includes("No worker"))).toEqual([]);
});

/** A map under way on the machine, and whether its producer was told something. */
async function underWay(stage: Stage): Promise<{ marks: Marks; said: (text: string) => boolean }> {
  const records = new LogRecords();
  const marks = new Marks();
  void stage
    .pool({ logger: records.logger })
    .map("gated", [{ log: marks.log, gate: marks.gate }])
    .wait();
  await marks.started(1);
  return { marks, said: (text) => records.lines.some((line) => line.includes(text)) };
}

test("a producer is told that the last worker of its map is gone", { timeout: 60_000 }, async () => {
  const { redis } = await startRedis();
  const stage = new Stage(redis);
  const machine = await stage.machine();
  const { said } = await underWay(stage);
  await machine.close(0);
  await until(() => said("No worker serves queue"), { what: "the warning", timeoutMs: 45_000 });
});

test("a producer is told that the worker of its map lost a right", { timeout: 60_000 }, async () => {
  const { redis, connection } = await startRedis();
  const stage = new Stage(redis);
  const machine = await stage.machine({ connection });
  const { marks, said } = await underWay(stage);
  // It can't publish.
  await redis.admin.call("ACL", "SETUSER", "app", "-xadd");
  marks.open();
  await until(() => said("can serve, so map"), { what: "the warning", timeoutMs: 45_000 });
  expect(said("Give this login what `poolmq acl` prints")).toBe(true);
  const error = await rejection(stage.pool().apply("increment", [1]));
  expect(error).toMatchObject({ code: "WORKER_START" });
  // Its outcome is not waited for until the deadline, which is after half a minute.
  await within(15_000, "the end of the machine", machine.close());
});
