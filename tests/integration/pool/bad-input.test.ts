import { totalmem } from "node:os";

import { Pool, type PoolOptions } from "@poolmq/producer";
import { describe, expect, onTestFinished, test } from "vitest";

import { redisForFile } from "../../support/redis-server.ts";
import { rejection, Stage, TASKS } from "../../support/stage.ts";

const redis = redisForFile();

/** What a caller of a TypeScript project gets to see only past a cast, and one of a JavaScript project at once. */
interface UntypedPool {
  map(task: unknown, items: unknown, options?: unknown): PromiseLike<unknown>;
  starmap(task: unknown, tuples: unknown, options?: unknown): PromiseLike<unknown>;
}

function untyped(pool: object): UntypedPool {
  return pool as unknown as UntypedPool;
}

function build(options: unknown): unknown {
  try {
    const pool = new Pool(options as PoolOptions<Record<string, never>>);
    onTestFinished(() => pool.terminate());
    return pool;
  } catch (error) {
    return error;
  }
}

describe("options of a pool", () => {
  test.for([
    [{ processes: 0 }, "Expected `processes` to be an integer from 1 to 1024, got 0"],
    [{ processes: 1.5 }, "Expected `processes` to be an integer from 1 to 1024, got 1.5"],
    [{ processes: "2" }, "Expected `processes` to be an integer from 1 to 1024, got '2'"],
    ...(totalmem() < 32 * 2 ** 30
      ? ([[{ processes: 1024 }, "got 1024: each takes 32 MiB or more, and there are"]] as const)
      : []),
    [{ processes: 1, concurrency: 0 }, "Expected `concurrency` to be an integer from 1 to 10000, got 0"],
    [{ processes: Number.NaN }, "Expected `processes` to be an integer from 1 to 1024, got NaN"],
    [{ chunksize: -1 }, 'Expected `chunksize` to be an integer ≥ 1 or "auto", got -1'],
    [{ window: 0 }, "Expected `window` to be an integer ≥ 1, got 0"],
    [{ connectTimeoutMs: 0 }, "Expected `connectTimeoutMs` to be an integer ≥ 1, got 0"],
    [{ proceses: 4 }, "Unknown option `proceses` in the pool options. Did you mean `processes`?"],
    [{ chunkSize: 4 }, "Unknown option `chunkSize` in the pool options. Did you mean `chunksize`?"],
    [{ queue: "a:b" }, 'Expected `queue` to be 1 to 100 letters, digits, "_", "." or "-", got \'a:b\''],
    [{ queue: "{x}" }, "Expected `queue` to be"],
    [{ prefix: "" }, "Expected `prefix` to be"],
    [{ tasks: 5 }, "Expected `tasks` to be a path, a file: URL or an imported module, got 5"],
    [{ tasks: new URL("https://example.com/tasks.js") }, "Expected `tasks` to be a path, a file: URL"],
    [{ tasks: { f: () => 1 }, processes: 1 }, "Expected `tasks` to be the path or URL of the tasks module"],
    [{ logger: {} }, "Expected `logger` to be"],
    [{ env: "A=1" }, "Expected `env` to be"],
    [{ env: { A: 1 } }, "Expected `env.A` to be"],
  ] as const)("%j is refused: %s", ([options, message]) => {
    const given = { tasks: TASKS, ...options };
    expect(build(given)).toMatchObject({ code: "INVALID_OPTION", message: expect.stringContaining(message) });
  });

  test.for([null, 5, [], "redis://127.0.0.1"])("%j in place of options is refused", (options) => {
    expect(build(options)).toMatchObject({
      code: "INVALID_OPTION",
      message: expect.stringContaining("Expected the pool options to be an object"),
    });
  });

  test.for([
    ["", "Expected `connection` to be a URL"],
    ["", "for a pool that needs no Redis, leave it out"],
    ["embeded", 'got "embeded". Did you mean "embedded"?'],
    ["memroy", 'Did you mean "memory"?'],
    ["localhost:6379", "did you mean redis://localhost:6379?"],
    ["localhost", "did you mean redis://localhost?"],
    ["127.0.0.1", "did you mean redis://127.0.0.1?"],
    // It may be a password in the wrong place.
    ["hunter2", "got a text of 7 characters without redis://"],
    ["http://127.0.0.1:6379", "Expected `connection` to be a URL"],
    ["redis://127.0.0.1:6379/zero", "the database after the host is a number"],
    ["redis://127.0.0.1:99999", "Expected `connection` to be a URL"],
    ["unix:relative.sock", "Expected `connection` to be a URL"],
  ] as const)("the Redis URL %j is refused at once", ([connection, message]) => {
    expect(build({ connection })).toMatchObject({
      code: "INVALID_OPTION",
      message: expect.stringContaining(message),
    });
  });

  test("options of local workers are refused for a pool that has none", () => {
    expect(build({ connection: redis().url, concurrency: 4 })).toMatchObject({
      code: "INVALID_OPTION",
      message: expect.stringContaining("`concurrency` is for local worker processes"),
    });
  });
});

describe("calls", () => {
  test.for([
    [5, "got 5"],
    [null, "got null"],
    [undefined, "got undefined"],
    [{ length: 1 }, "got { length: 1 }"],
    [Promise.resolve([1]), "got Promise"],
    [{ [Symbol.iterator]: 5 }, "got {"],
  ] as const)("map over %s, which is not iterable, is refused", async ([items, message]) => {
    const pool = untyped(new Stage(redis()).pool());
    expect(await rejection(pool.map("increment", items))).toMatchObject({
      code: "INVALID_OPTION",
      message: expect.stringMatching(/^Expected the items of map\(\) to be iterable/),
    });
    expect(await rejection(pool.starmap("add", items))).toMatchObject({
      message: expect.stringContaining(message),
    });
  });

  test("an iterator that gives something other than results fails the call", async () => {
    const pool = untyped(new Stage(redis()).pool());
    const items = { [Symbol.iterator]: () => ({ next: () => 5 }) };
    expect(await rejection(pool.map("increment", items))).toBeInstanceOf(TypeError);
  });

  test.for([0, -1, 1.5, Number.NaN, "3", Number.POSITIVE_INFINITY])(
    "chunksize %j is refused",
    async (chunksize) => {
      const pool = untyped(new Stage(redis()).pool());
      expect(await rejection(pool.map("increment", [1], { chunksize }))).toMatchObject({
        code: "INVALID_OPTION",
        message: expect.stringContaining('Expected `chunksize` to be an integer ≥ 1 or "auto", got '),
      });
    },
  );

  test("a misspelled option of a call is refused with the one that was meant", async () => {
    const pool = untyped(new Stage(redis()).pool());
    expect(await rejection(pool.map("increment", [1], { chunkSize: 2 }))).toMatchObject({
      code: "INVALID_OPTION",
      message: "Unknown option `chunkSize` in the call options. Did you mean `chunksize`?",
    });
    expect(await rejection(pool.map("increment", [1], 5))).toMatchObject({ code: "INVALID_OPTION" });
  });

  test("a refused call leaves nothing in Redis", async () => {
    const stage = new Stage(redis());
    const pool = untyped(stage.pool());
    await rejection(pool.map("increment", 5));
    await rejection(pool.map("", [1]));
    expect(await redis().admin.keys(stage.keys.pattern)).toEqual([]);
  });

  test.for([[""], [undefined], [5], [() => 1]])("%s in place of a task is refused", async ([task]) => {
    const pool = untyped(new Stage(redis()).pool());
    expect(await rejection(pool.map(task, [1]))).toMatchObject({ code: "INVALID_OPTION" });
  });
});

describe("a task that no worker has", () => {
  const unknown = {
    code: "TASK_NOT_REGISTERED",
    task: "incremnt",
    message: expect.stringMatching(/"incremnt"\. Did you mean "increment"\? Registered: .*add, .*increment/),
  };

  test("is refused by a pool with local workers", async () => {
    const pool = untyped(new Stage(redis()).localPool());
    expect(await rejection(pool.map("incremnt", [1]))).toMatchObject(unknown);
    expect(await rejection(pool.map("incremnt", []))).toMatchObject(unknown);
  });

  test("is refused by a pool of a fleet", async () => {
    const stage = new Stage(redis());
    await stage.machine();
    expect(await rejection(untyped(stage.pool()).map("incremnt", [1]))).toMatchObject(unknown);
  });

  test("is refused by the worker that finds the job, if it started later", async () => {
    const stage = new Stage(redis());
    const result = untyped(stage.pool()).map("incremnt", [1, 2]);
    await expect.poll(() => redis().admin.llen(stage.keys.job("wait"))).toBe(2);
    await stage.machine();
    expect(await rejection(result)).toMatchObject(unknown);
  });

  test.for(["constructor", "__proto__", "toString", "initializer", "PaymentError"])(
    "%s is no task, whatever else has this name",
    async (task) => {
      const stage = new Stage(redis());
      const result = untyped(stage.pool()).map(task, [1]);
      await expect.poll(() => redis().admin.llen(stage.keys.job("wait"))).toBe(1);
      await stage.machine();
      expect(await rejection(result)).toMatchObject({ code: "TASK_NOT_REGISTERED", task });
    },
  );

  test("is handed on to a machine that has it", async () => {
    const stage = new Stage(redis());
    const other = new URL("../../fixtures/one-task.ts", import.meta.url);
    await stage.machine({ module: other });
    await stage.machine();
    const items = Array.from({ length: 20 }, (_, index) => index);
    expect(await stage.pool().map("increment", items)).toEqual(items.map((x) => x + 1));
    expect(await untyped(stage.pool()).map("only", items)).toEqual(items);
  });
});
