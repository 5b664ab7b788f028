/** Calls that Redis refuses for now: they wait, and do not fail. */

import { setImmediate as nextTurn } from "node:timers/promises";

import type { Pool } from "@poolmq/producer";
import { queueKeys } from "@poolmq/shared/redis";
import { expect, onTestFinished, test } from "vitest";

import type * as tasks from "../../fixtures/tasks.ts";
import { RedisServer } from "../../support/redis-server.ts";
import { Marks, rejection, Stage } from "../../support/stage.ts";
import { TcpProxy } from "../../support/tcp-proxy.ts";
import { until } from "../../support/until.ts";

async function startRedis(): Promise<RedisServer> {
  const redis = await RedisServer.start();
  onTestFinished(() => redis.stop());
  return redis;
}

/** Has no room while the call is made, and gets some once it has refused something of it. */
async function fullFor<V>(redis: RedisServer, call: () => PromiseLike<V>): Promise<V> {
  await redis.admin.config("RESETSTAT");
  // Less than any server takes for itself.
  await redis.admin.config("SET", "maxmemory", "1");
  const result = Promise.resolve(call());
  result.catch(() => {}); // told at the end
  await until(async () => (await redis.admin.info("errorstats")).includes("errorstat_OOM"), {
    what: "Redis to refuse something",
  });
  await redis.admin.config("SET", "maxmemory", "0");
  return await result;
}

test("a durable map that begins while Redis is full", async () => {
  const redis = await startRedis();
  const stage = new Stage(redis);
  await stage.machine();
  const pool = stage.pool();
  await pool.ready();
  const map = await fullFor(redis, () => pool.map("increment", [1, 2, 3], { mapId: "m" }));
  expect(map).toEqual([2, 3, 4]);
});

test("attach() while Redis is full", async () => {
  const redis = await startRedis();
  const stage = new Stage(redis);
  const pool = stage.pool();
  void pool.map("increment", [1, 2, 3], { mapId: "m" }).wait();
  await until(() => redis.admin.hget(stage.keys.meta("m"), "total"), { what: "the map to be enqueued" });
  const other = stage.pool();
  await other.stats();
  const attached = await fullFor(redis, async () => {
    const result = other.attach("m");
    await stage.machine();
    return await result;
  });
  expect(attached).toEqual([2, 3, 4]);
});

test("share() while Redis is full", async () => {
  const redis = await startRedis();
  const stage = new Stage(redis);
  const pool = stage.pool();
  await pool.stats();
  await fullFor(redis, () => pool.share([1, 2, 3]));
});

const BUSY = "-BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.";

test("questions to a pool, a cancel and the release of a shared value, while a script keeps Redis busy", async () => {
  const redis = await startRedis();
  const proxy = await TcpProxy.start(redis);
  onTestFinished(() => proxy.stop());
  const stage = new Stage(redis);
  await stage.machine();
  const pool = stage.pool({ connection: proxy.url });
  await pool.ready();
  const marks = new Marks();
  const map = pool.map("spinForEver", [marks.log]);
  const ended = rejection(map);
  await marks.started(1);
  const isQuestion = ([name = ""]: readonly string[]): boolean => /^(evalsha|lrange)$/i.test(name);
  for (const ask of [() => pool.stats(), () => pool.ready(), () => map.setPriority(3)]) {
    const refused = proxy.meddle(isQuestion, { answer: BUSY }, 2);
    const answered = ask();
    await refused;
    await answered;
  }
  const { cancelled } = queueKeys(stage.queue);
  const refused = proxy.meddle((words) => words.includes(cancelled), { answer: BUSY }, 2);
  map.cancel();
  await refused;
  expect(await ended).toMatchObject({ code: "CANCELLED" });
  const value = await pool.share([1, 2, 3]);
  const { share } = queueKeys(stage.queue);
  expect(await redis.admin.keys(share("*"))).toHaveLength(1);
  const kept = proxy.meddle(([name = ""]) => /^unlink$/i.test(name), { answer: BUSY }, 2);
  await Promise.all([kept, value[Symbol.asyncDispose]()]);
  expect(await redis.admin.keys(share("*"))).toEqual([]);
  // The machine's only process has ended what nobody wants.
  expect(await pool.map("increment", [1])).toEqual([2]);
});

test("stats() says what is the matter if Redis is busy for long", async () => {
  const redis = await startRedis();
  const proxy = await TcpProxy.start(redis);
  onTestFinished(() => proxy.stop());
  const pool = new Stage(redis).pool({ connection: proxy.url, connectTimeoutMs: 1_000 });
  await pool.stats();
  void proxy.meddle(([name = ""]) => /^evalsha$/i.test(name), { answer: BUSY }, Infinity);
  expect(await rejection(pool.stats())).toMatchObject({
    code: "REDIS_REFUSED",
    reason: "busy",
    message: expect.stringContaining("SCRIPT KILL") as string,
  });
});

test("a pool that found no Redis when it was made works once there is one", async () => {
  const redis = await RedisServer.start({ listen: "tcp" });
  onTestFinished(() => redis.stop());
  await redis.kill();
  const stage = new Stage(redis);
  const pool = stage.pool({ connectTimeoutMs: 200 });
  expect(await rejection(pool.map("increment", [1]))).toMatchObject({ code: "REDIS_CONNECTION" });
  await redis.restart();
  await stage.machine();
  expect(await pool.map("increment", [1])).toEqual([2]);
});

test("a link that is dead from its start is given up for another one", async () => {
  const redis = await startRedis();
  const proxy = await TcpProxy.start(redis);
  onTestFinished(() => proxy.stop());
  const stage = new Stage(redis);
  await stage.machine();
  proxy.drop();
  const pool = stage.pool({ connection: proxy.url, connectTimeoutMs: 3_000 });
  await until(() => proxy.connections > 0, { what: "the pool to connect" });
  proxy.restore();
  expect(await pool.map("increment", [1])).toEqual([2]);
});

test("a Redis that forgets its scripts over and over refuses nothing for good", async () => {
  const redis = await startRedis();
  const stage = new Stage(redis);
  await stage.machine();
  const pool = stage.pool();
  let flushing = true;
  const flushes = (async () => {
    while (flushing) {
      await redis.admin.script("FLUSH");
      await nextTurn();
    }
  })();
  onTestFinished(() => void (flushing = false));
  const items = [...Array(1_000).keys()];
  const results = items.map((item) => item + 1);
  for (const options of [{}, { priority: 2 }, { mapId: "m" }, { chunksize: 5 }, { attempts: 2 }]) {
    expect(await pool.map("increment", items, options)).toEqual(results);
  }
  flushing = false;
  await flushes;
});

test.for([
  ["together with its first jobs", (pool: Pool<typeof tasks>) => pool.map("increment", [1])],
  ["by itself", (pool: Pool<typeof tasks>) => pool.map("increment", slowly())],
] as const)(
  "a map that is declared %s, but whose script Redis forgot, is gone once it is cancelled",
  async ([, call]) => {
    const redis = await startRedis();
    const proxy = await TcpProxy.start(redis);
    onTestFinished(() => proxy.stop());
    const stage = new Stage(redis);
    const pool = stage.pool({ connection: proxy.url });
    // A script's text is sent when it runs for the first time.
    const known = call(pool);
    const knownEnd = rejection(known);
    await until(async () => (await redis.admin.keys("*")).some(isDoneKey), { what: "a map to be declared" });
    known.cancel();
    await knownEnd;
    await until(async () => !(await redis.admin.keys("*")).some(isDoneKey), { what: "it to be removed" });
    let release = (): void => {};
    const forgotten = proxy.meddle(
      (words) => {
        if (!/^evalsha$/i.test(words[0] ?? "") || !words.some(isDoneKey)) return false;
        release = proxy.holdReplies();
        return true;
      },
      { answer: "-NOSCRIPT No matching script" },
    );
    const map = call(pool);
    const ended = rejection(map);
    await forgotten;
    map.cancel();
    // If the keys were removed now, the script that is sent again would make them anew.
    expect(await proxy.seen(([name = ""]) => /^unlink$/i.test(name), 500)).toBe(false);
    const removed = proxy.seen(([name = ""]) => /^unlink$/i.test(name), 10_000);
    release();
    expect(await ended).toMatchObject({ code: "CANCELLED" });
    expect(await removed).toBe(true);
    pool.close();
    await pool.join();
    expect((await redis.admin.keys("*")).filter(isDoneKey)).toEqual([]);
  },
);

function isDoneKey(key: string): boolean {
  return key.endsWith(":done");
}

/** Its items come after the turn of the event loop in which the map was declared. */
async function* slowly(): AsyncGenerator<number> {
  for (let i = 0; i < 3; i++) {
    await nextTurn();
    await nextTurn();
    yield i;
  }
}
