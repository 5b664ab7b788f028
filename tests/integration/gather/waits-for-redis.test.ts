/** What the app is told while its maps wait for Redis. */

import { expect, onTestFinished, test } from "vitest";

import { LogRecords } from "../../support/log-records.ts";
import { RedisServer } from "../../support/redis-server.ts";
import { Marks, rejection, Stage } from "../../support/stage.ts";
import { until, within } from "../../support/until.ts";

async function ownRedis(): Promise<RedisServer> {
  const redis = await RedisServer.start();
  onTestFinished(() => redis.stop());
  return redis;
}

function warnings(records: LogRecords): string[] {
  return records.lines.map((line) => (JSON.parse(line) as { readonly msg: string }).msg);
}

test.each(["killed", "frozen"])(
  "an app whose maps wait for a Redis that is %s is told once",
  async (how) => {
    const redis = await ownRedis();
    const stage = new Stage(redis);
    await stage.machine();
    const records = new LogRecords();
    const pool = stage.pool({ logger: records.logger });
    const marks = new Marks();
    const map = pool.map("gated", [{ log: marks.log, gate: marks.gate }]);
    await marks.started(1);
    if (how === "killed") await redis.kill();
    else redis.pause();
    const told = (): string[] => warnings(records).filter((line) => line.startsWith("Redis does not answer"));
    await until(() => told().length > 0, { what: "the warning", timeoutMs: 8_000 });
    expect(told()).toEqual(["Redis does not answer, so a map waits for it. It goes on when Redis is back."]);
    if (how === "killed") await redis.restart();
    else redis.resume();
    marks.open();
    expect(await within(20_000, "the result", map)).toHaveLength(1);
    expect(told()).toHaveLength(1);
  },
  60_000,
);

test("an app whose maps wait for a Redis that refuses is told what is the matter, and what to do", async () => {
  const redis = await ownRedis();
  const stage = new Stage(redis);
  await stage.machine();
  const records = new LogRecords();
  const pool = stage.pool({ logger: records.logger, connection: redis.url });
  expect(await pool.map("increment", [1])).toEqual([2]);
  await redis.admin.config("SET", "min-replicas-to-write", "1");
  const map = pool.map("increment", [2]);
  const told = (): string[] => warnings(records).filter((line) => line.startsWith("Redis refuses"));
  await until(() => told().length > 0, { what: "the warning", timeoutMs: 8_000 });
  expect(told()).toEqual([expect.stringMatching(/min-replicas-to-write.*so a map waits for it/)]);
  await redis.admin.config("SET", "min-replicas-to-write", "0");
  expect(await within(15_000, "the result", map)).toEqual([3]);
}, 40_000);

test("an app all of whose jobs were sent is told that the memory of Redis is full, and its map goes on", async () => {
  const redis = await ownRedis();
  const stage = new Stage(redis);
  await stage.machine();
  const records = new LogRecords();
  const pool = stage.pool({ logger: records.logger, connection: redis.url });
  const marks = new Marks();
  const map = pool.map("gated", [{ log: marks.log, gate: marks.gate }]);
  await marks.started(1);
  await redis.admin.config("SET", "maxmemory", "1");
  marks.open();
  const told = (): string[] => warnings(records).filter((line) => line.startsWith("Redis refuses"));
  await until(() => told().length > 0, { what: "the warning", timeoutMs: 8_000 });
  expect(told()).toEqual([
    expect.stringMatching(/its memory is full, so a map waits for it. Raise its maxmemory/),
  ]);
  await redis.admin.config("SET", "maxmemory", "0");
  expect(await within(15_000, "the result", map)).toHaveLength(1);
  expect(told()).toHaveLength(1);
}, 40_000);

test("a map whose login may no longer read ends in a typed error", async () => {
  const redis = await ownRedis();
  const stage = new Stage(redis);
  await redis.admin.call("ACL", "SETUSER", "app", "on", ">one", "~*", "&*", "+@all");
  await stage.machine();
  const pool = stage.pool({ connection: redis.url.replace("//", "//app:one@") });
  const marks = new Marks();
  const map = pool.map("gated", [{ log: marks.log, gate: marks.gate }]);
  map.then(undefined, () => {});
  await marks.started(1);
  await redis.admin.call("ACL", "SETUSER", "app", "-xread");
  expect(await within(15_000, "its end", rejection(map))).toMatchObject({
    code: "REDIS_REFUSED",
    reason: "permission",
  });
  marks.open();
}, 40_000);
