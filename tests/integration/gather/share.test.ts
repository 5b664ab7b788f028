import { describe, expect, test } from "vitest";

import type { Pool, Shared } from "@poolmq/producer";
import { MAP_TTL_MS } from "@poolmq/shared/redis";

import type * as values from "../../fixtures/value-tasks.ts";
import { RedisServer, redisForFile } from "../../support/redis-server.ts";
import { rejection, Stage } from "../../support/stage.ts";
import { until } from "../../support/until.ts";

const redis = redisForFile();

const MODULE = new URL("../../fixtures/value-tasks.ts", import.meta.url);

type Tasks = typeof values;

const TABLE: readonly number[] = Array.from({ length: 100 }, (_, index) => index * 10);

async function sharesIn(stage: Stage): Promise<string[]> {
  return (await redis().admin.keys(stage.keys.pattern)).filter((key) => key.includes(":share:"));
}

function indices(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}

describe("a shared value", () => {
  test("is fetched once by each machine, however many processes and items use it", async () => {
    await using server = await RedisServer.start();
    const stage = new Stage(server);
    const pool = stage.pool<Tasks>();
    await Promise.all([stage.machine({ module: MODULE, processes: 2 }), stage.machine({ module: MODULE })]);
    const table = await pool.share(TABLE);
    // The slow log, told to keep every command. (MONITOR would show them too, but ioredis can take its first lines for
    // replies to its own commands.)
    await server.admin.config("SET", "slowlog-max-len", "100000");
    await server.admin.config("SET", "slowlog-log-slower-than", "0");
    const tuples = indices(100).map((index) => [table, index] as const);
    expect(await pool.starmap("lookUp", tuples)).toEqual(TABLE);
    expect(await pool.starmap("lookUp", tuples, { chunksize: 10 })).toEqual(TABLE);
    const commands = (await server.admin.slowlog("GET", -1)) as readonly [
      number,
      number,
      number,
      readonly string[],
    ][];
    const fetches = commands
      .map(([, , , words]) => words)
      .filter(([, key]) => key === stage.keys.share(table.id))
      .map(([command = ""]) => command.toLowerCase())
      // The producer renews what it shares now and then.
      .filter((command) => command !== "pexpire");
    // One of them may have been fast enough to run it all.
    expect([["get"], ["get", "get"]]).toContainEqual(fetches);
    await pool.terminate();
  });

  test("of 50 MB reaches the tasks", { timeout: 60_000 }, async () => {
    const pool = new Stage(redis()).localPool<Tasks>({ tasks: MODULE });
    const large = await pool.share("é".repeat(25 * 1024 * 1024));
    expect(await pool.map("sizeOf", [large, large])).toEqual([25 * 1024 * 1024, 25 * 1024 * 1024]);
  });

  test("can be the argument of map and of apply, in any place, and twice in one tuple", async () => {
    const pool = new Stage(redis()).localPool<Tasks>({ tasks: MODULE });
    const [table, other] = await Promise.all([pool.share(TABLE), pool.share([1, 2, 3])]);
    expect(await pool.apply("lookUp", [table, 3])).toBe(30);
    expect(await pool.map("echo", [table, 5, other])).toEqual([TABLE, 5, [1, 2, 3]]);
    expect(
      await pool.starmap("lookUpTwice", [
        [table, 2, table],
        [table, 2, other],
      ]),
    ).toEqual([40, 23]);
    expect(await pool.starmap("lookUp", [[TABLE, await pool.share(4)]])).toEqual([40]);
  });

  test("may be mixed with others and with plain values in one chunk", async () => {
    const pool = new Stage(redis()).localPool<Tasks>({ tasks: MODULE });
    const [table, other] = await Promise.all([pool.share(TABLE), pool.share([7, 8, 9])]);
    const tuples = indices(30).map(
      (index) => [[table, other, [4, 5, 6]][index % 3] as readonly number[], index % 2] as const,
    );
    const expected = tuples.map((_, index) => [TABLE, [7, 8, 9], [4, 5, 6]][index % 3]?.[index % 2]);
    for (const chunksize of [1, 4, 30]) {
      expect(await pool.starmap("lookUp", tuples, { chunksize })).toEqual(expected);
    }
  });

  test("is there in another attempt, and for whoever takes the map up", async () => {
    const stage = new Stage(redis());
    const pool = stage.pool<Tasks>();
    const table = await pool.share(TABLE);
    const map = pool.map("secondTime", [table, table], { mapId: "m", attempts: 2, chunksize: 2 });
    await until(() => redis().admin.hget(stage.keys.meta("m"), "total"), { what: "the map to be enqueued" });
    const attached = stage.pool<Tasks>().attach("m");
    await stage.machine({ module: MODULE });
    expect(await map).toEqual([100, 100]);
    expect(await attached).toEqual([100, 100]);
  });

  test("is gone from Redis and from the machines once its pool is closed", async () => {
    const stage = new Stage(redis());
    await stage.machine({ module: MODULE });
    const [pool, other] = [stage.pool<Tasks>(), stage.pool<Tasks>()];
    const table = await pool.share(TABLE);
    expect(await pool.apply("lookUp", [table, 1])).toBe(10);
    // While its pool is open, another one on the same queue can use it.
    expect(await other.apply("lookUp", [table, 2])).toBe(20);
    expect(await sharesIn(stage)).toHaveLength(1);
    expect(await redis().admin.pttl(stage.keys.share(table.id))).toBeGreaterThan(0);
    await pool[Symbol.asyncDispose]();
    expect(await sharesIn(stage)).toEqual([]);
    const gone = { name: "SharedValueGoneError", code: "SHARED_VALUE_GONE" };
    await expect.poll(() => rejection(other.apply("lookUp", [table, 3])).catch(() => {})).toMatchObject(gone);
    expect(await other.apply("lookUp", [TABLE, 3])).toBe(30);
  });

  test("is there again after a wipe, for the map that uses it and for the next one", async () => {
    await using server = await RedisServer.start();
    const stage = new Stage(server);
    const pool = stage.pool<Tasks>();
    const table = await pool.share(TABLE);
    let told = 0;
    const map = pool.starmap(
      "lookUp",
      indices(4_000).map((index) => [table, index % 100] as const),
      {
        onResult: () => told++,
      },
    );
    await stage.machine({ module: MODULE });
    await until(() => told > 50, { what: "the map to be under way" });
    await server.admin.flushall();
    // One that has not fetched it.
    await stage.machine({ module: MODULE });
    expect(await map).toEqual(indices(4_000).map((index) => (index % 100) * 10));
    expect(await pool.starmap("lookUp", [[table, 7]])).toEqual([70]);
    await pool.terminate();
  });

  test("does not expire as long as its pool lives", async () => {
    const stage = new Stage(redis());
    const pool = stage.pool<Tasks>();
    const table = await pool.share(TABLE);
    const key = stage.keys.share(table.id);
    await redis().admin.pexpire(key, 60_000);
    await until(async () => (await redis().admin.pttl(key)) > 60_000, { what: "it to be renewed" });
    await redis().admin.del(key);
    await stage.machine({ module: MODULE });
    expect(await pool.apply("lookUp", [table, 3])).toBe(30);
  });

  test("outlives its pool for as long as the maps that use it do", async () => {
    const stage = new Stage(redis());
    const { admin } = redis();
    const pool = stage.pool<Tasks>();
    await stage.machine({ module: MODULE });
    const [plain, durable, replayed] = await Promise.all([0, 1, 2].map(() => pool.share(TABLE)));
    if (plain === undefined || durable === undefined || replayed === undefined)
      throw new Error("unreachable");
    const leftMs = (of: Shared<unknown>): Promise<number> => admin.pttl(stage.keys.share(of.id));
    const renewed = async (of: Shared<unknown>): Promise<number> => {
      await admin.pexpire(stage.keys.share(of.id), 60_000);
      return await until(
        async () => {
          const ms = await leftMs(of);
          return ms > 60_000 ? ms : undefined;
        },
        { what: "it to be renewed" },
      );
    };
    expect(await pool.map("echo", [plain])).toEqual([TABLE]);
    expect(await pool.map("echo", [durable], { mapId: "durable" })).toEqual([TABLE]);
    expect(await pool.map("echo", [replayed], { keepFailed: true })).toEqual([TABLE]);
    for (const look of [leftMs, renewed]) {
      const [ms, ...long] = await Promise.all([plain, durable, replayed].map(look));
      expect(ms).toBeLessThanOrEqual(MAP_TTL_MS);
      for (const of of long) expect(of).toBeGreaterThan(MAP_TTL_MS);
    }
    // It may be another pool's map. The pool of the value must not shorten its time.
    const other = stage.pool<Tasks>();
    expect(await other.map("echo", [plain], { mapId: "others" })).toEqual([TABLE]);
    expect(await leftMs(plain)).toBeGreaterThan(MAP_TTL_MS);
    expect(await renewed(plain)).toBeGreaterThan(MAP_TTL_MS);
    await other.terminate();
    await renewed(durable);
    expect(await leftMs(plain)).toBeGreaterThan(MAP_TTL_MS);
  });

  test("is released at the end of its block, and others stay", async () => {
    const stage = new Stage(redis());
    await stage.machine({ module: MODULE });
    const pool = stage.pool<Tasks>();
    const stays = await pool.share(TABLE);
    let released: Shared<readonly number[]>;
    {
      await using table = await pool.share(TABLE);
      expect(await pool.apply("lookUp", [table, 3])).toBe(30);
      released = table;
    }
    expect(await sharesIn(stage)).toEqual([stage.keys.share(stays.id)]);
    await until(async () => (await rejection(pool.apply("lookUp", [released, 3]))) instanceof Error, {
      what: "the machine to forget it",
    });
    expect(await pool.apply("lookUp", [stays, 3])).toBe(30);
  });

  test("is gone once its pool is terminated", async () => {
    const stage = new Stage(redis());
    const pool = stage.pool<Tasks>();
    await pool.share(TABLE);
    await pool.terminate();
    expect(await sharesIn(stage)).toEqual([]);
    expect(await rejection(pool.share(TABLE))).toMatchObject({ code: "POOL_CLOSED" });
  });

  test("of a pool on another queue is a typed error of its items alone", async () => {
    const pool = new Stage(redis()).localPool<Tasks>({ tasks: MODULE });
    const table = await new Stage(redis()).pool<Tasks>().share(TABLE);
    const outcomes = await pool
      .starmap(
        "lookUp",
        [
          [TABLE, 1],
          [table, 1],
          [TABLE, 2],
        ],
        { chunksize: 3 },
      )
      .settled();
    expect(outcomes).toMatchObject([
      { value: 10 },
      { reason: { code: "SHARED_VALUE_GONE", remote: { index: 1, task: "lookUp" } } },
      { value: 20 },
    ]);
  });

  test("that was damaged in Redis is a typed error, and ends no process", async () => {
    const stage = new Stage(redis());
    const machine = await stage.machine({ module: MODULE });
    const { pids } = machine;
    const pool = stage.pool<Tasks>();
    const table = await pool.share(TABLE);
    await redis().admin.set(stage.keys.share(table.id), "~damaged");
    expect(await rejection(pool.apply("lookUp", [table, 1]))).toMatchObject({ code: "DECODE" });
    expect(machine.pids).toEqual(pids);
  });

  test("inside of another value is refused, for nobody would put it in its place", async () => {
    const pool = new Stage(redis()).localPool<Tasks>({ tasks: MODULE });
    const table: Shared<unknown> = await pool.share(TABLE);
    expect(await rejection(pool.map("echo", [1, { options: { table } }]))).toMatchObject({
      code: "SERIALIZATION",
      path: ".options.table",
      message: expect.stringContaining("give it as an argument of its own"),
    });
    // As it happens with `map` in place of `starmap`.
    expect(await rejection(pool.map("echo", [[table, 1]]))).toMatchObject({ path: "[0]" });
    expect(await rejection(pool.share({ table }))).toMatchObject({ code: "SERIALIZATION", path: ".table" });
  });
});

describe("the limit of a shared value", () => {
  test("is kept to the byte", async () => {
    const stage = new Stage(redis());
    const pool: Pool<Tasks> = stage.pool<Tasks>({ maxShareBytes: 1_000 });
    await pool.share("x".repeat(998)); // and two quotes
    expect(await rejection(pool.share("x".repeat(999)))).toMatchObject({
      name: "LimitError",
      code: "LIMIT_EXCEEDED",
      limit: "maxShareBytes",
      max: 1_000,
      got: 1_001,
    });
    expect(await sharesIn(stage)).toHaveLength(1);
  });

  test("what can't be sent is refused, and says where it lies", async () => {
    const pool = new Stage(redis()).pool<Tasks>();
    expect(await rejection(pool.share({ model: { fn: () => 1 } }))).toMatchObject({
      code: "SERIALIZATION",
      path: ".model.fn",
    });
  });
});
