/** What Redis refuses and goes on refusing: whoever asked is told so, by an error that names the cause. */

import { RedisRefusedError } from "@poolmq/shared";
import { expect, onTestFinished, test } from "vitest";

import { RedisServer } from "../../support/redis-server.ts";
import { rejection, Stage } from "../../support/stage.ts";

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
