/** What Redis refuses and goes on refusing: whoever asked is told so, by an error that names the cause. */

import { RedisRefusedError } from "@poolmq/shared";
import { pino } from "pino";
import { expect, onTestFinished, test } from "vitest";

import { RedisServer } from "../../support/redis-server.ts";
import { rejection, Stage } from "../../support/stage.ts";
import { until } from "../../support/until.ts";

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
