/** Tasks that take many items at once: each item keeps its own fate, whoever else is in its batch. */

import { Pool, ThreadPool } from "@poolmq/producer";
import { defineBatchTask } from "@poolmq/worker";
import { afterAll, describe, expect, onTestFinished, test } from "vitest";

import type * as tasks from "../fixtures/batch-tasks.ts";
import { redisForFile } from "../support/redis-server.ts";
import { atOnce } from "../support/spans.ts";
import { Marks, rejection } from "../support/stage.ts";
import { until } from "../support/until.ts";

const MODULE = new URL("../fixtures/batch-tasks.ts", import.meta.url);
const redis = redisForFile();

type Batched = Pool<typeof tasks> | ThreadPool<typeof tasks>;

interface Options {
  /** Processes, or threads; 1 unless it says. */
  readonly workers?: number;
  readonly concurrency?: number;
  readonly workerLossAttempts?: number;
}

const KINDS: Record<string, (options?: Options) => Batched> = {
  Pool: ({ workers: processes = 1, ...options } = {}) =>
    new Pool<typeof tasks>({ tasks: MODULE, processes, connection: redis().url, ...options }),
  "Pool in memory": ({ workers: processes = 1, ...options } = {}) =>
    new Pool<typeof tasks>({ tasks: MODULE, processes, connection: "memory", ...options }),
  ThreadPool: ({ workers: threads = 1, ...options } = {}) =>
    new ThreadPool<typeof tasks>({ tasks: MODULE, threads, ...options }),
  "ThreadPool in this thread": ({ workers: _, ...options } = {}) =>
    new ThreadPool<typeof tasks>({ tasks: MODULE, threads: 0, ...options }),
};

function numbers(n: number): number[] {
  return Array.from({ length: n }, (_, i) => i);
}

describe.each(Object.keys(KINDS))("%s", (kind) => {
  const make = KINDS[kind] as (options?: Options) => Batched;
  const own = (options?: Options): Batched => {
    const pool = make(options);
    onTestFinished(() => pool.terminate());
    return pool;
  };
  let made: Batched | undefined;
  const shared = (): Batched => (made ??= make());
  afterAll(() => made?.terminate());

  test("a chunk is cut into batches", async () => {
    const got = await shared().map("sizes", numbers(20), { chunksize: 20 });
    expect(got).toEqual([...Array<number>(16).fill(8), 4, 4, 4, 4]);
  });

  test("items of one map that travel alone come together", async () => {
    expect(await shared().map("patient", numbers(16))).toEqual(Array(16).fill(8));
  });

  test("items of different calls come together", async () => {
    const calls = numbers(8).map((x) => shared().apply("patient", [x]));
    expect(await Promise.all(calls)).toEqual(Array(8).fill(8));
  });

  test("a batch waits no longer for more items when something else waits behind it", async () => {
    const waiting = shared().apply("patient", [1]);
    expect(await shared().map("increment", [1, 2])).toEqual([2, 3]);
    expect(await waiting).toBe(1);
  });

  test.each([1, 5])(
    "an item has its own error and its own attempts, at a chunksize of %i",
    async (chunksize) => {
      const settled = await shared().map("evenOnly", numbers(5), { attempts: 2, chunksize }).settled();
      expect(settled.map(({ status }) => status)).toEqual([
        "fulfilled",
        "rejected",
        "fulfilled",
        "rejected",
        "fulfilled",
      ]);
      expect(settled[3]).toMatchObject({
        reason: { name: "RangeError", message: "3 is odd", remote: { index: 3, attempt: 2 } },
      });
      // It shows where the function was, and not how it came to be called.
      const remoteStack = String((settled[3] as { reason?: Error }).reason?.stack).split("--- called by")[0];
      expect(remoteStack).not.toMatch(/batch\.[jt]s:|by-halves/);
      expect(await shared().map("evenOnly", numbers(4), { attempts: 3, chunksize })).toEqual([1, 13, 21, 33]);
    },
  );

  test("what the function throws is the error of each item", async () => {
    const marks = new Marks();
    const items = [1, -2, 3].map((x) => ({ log: marks.log, x }));
    const settled = await shared().map("insert", items, { chunksize: 3 }).settled();
    for (const item of settled) expect(item).toMatchObject({ reason: { message: "-2 is negative" } });
    expect(marks.lines).toEqual(["1 -2 3"]);
  });

  test("with `splitOnError`, the culprit is found by halves, and the others have their results", async () => {
    const marks = new Marks();
    const items = [1, 2, 3, -4, 5, 6, 7, 8].map((x) => ({ log: marks.log, x }));
    const settled = await shared().map("insertByHalves", items, { chunksize: 8 }).settled();
    expect(settled.map((item) => (item.status === "fulfilled" ? item.value : String(item.reason)))).toEqual([
      2,
      3,
      4,
      "RangeError: -4 is negative",
      6,
      7,
      8,
      9,
    ]);
    expect(marks.lines).toEqual(["1 2 3 -4 5 6 7 8", "1 2 3 -4", "1 2", "3 -4", "3", "-4", "5 6 7 8"]);
  });

  test("another number of results than items is an error that says so, and is not tried again", async () => {
    const error = await rejection(shared().map("tooFew", numbers(3), { chunksize: 3 }));
    expect(error).toMatchObject({
      name: "BatchResultError",
      code: "BATCH_RESULT",
      expected: 3,
      got: 2,
      remote: { attempt: 1 },
    });
    expect((error as Error).message).toBe(
      "The function of a batch task was given 3 items: expected an array of 3 results or errors, in the order of the items, got one of 2",
    );
    const other = await rejection(shared().map("noArray", numbers(3), { chunksize: 3 }));
    expect(other).toMatchObject({ code: "BATCH_RESULT", expected: 3, got: undefined });
    expect((other as Error).message).toMatch(/, got 3$/);
  });

  test.each([1, 6])(
    "only the item that takes too long is charged, at a chunksize of %i",
    async (chunksize) => {
      const settled = await own()
        .map("hangs", [0, 1, -2, 3, 4, 5], { chunksize, taskTimeoutMs: 500 })
        .settled();
      expect(settled[2]).toMatchObject({ reason: { code: "TASK_TIMEOUT", remote: { index: 2 } } });
      expect(settled.toSpliced(2, 1)).toEqual(
        [0, 1, 3, 4, 5].map((value) => ({ status: "fulfilled", value })),
      );
    },
  );

  test("a call that is cancelled leaves its batch, which goes on for the others", async () => {
    const marks = new Marks();
    const pool = own();
    const item = (x: number): { log: string; gate: string; x: number } => ({
      log: marks.log,
      gate: marks.gate,
      x,
    });
    const calls = [1, 2, 3].map((x) => pool.apply("gated", [item(x)]));
    await until(() => marks.lines.includes("with 1 2 3"), { what: "the batch to run" });
    calls[1]?.cancel();
    await until(() => marks.lines.includes("2 stopped"), { what: "the item to be told" });
    marks.open();
    expect(await Promise.allSettled(calls)).toMatchObject([
      { value: 1 },
      { reason: { code: "CANCELLED" } },
      { value: 3 },
    ]);
    expect(marks.lines).toEqual(["with 1 2 3", "2 stopped"]);
  });

  test("a batch that nobody wants any more is told to stop", async () => {
    const marks = new Marks();
    const pool = own();
    const items = [1, 2, 3].map((x) => ({ log: marks.log, gate: marks.gate, x }));
    const call = pool.map("gated", items);
    await until(() => marks.lines.includes("with 1 2 3"), { what: "the batch to run" });
    call.cancel();
    await until(() => marks.lines.includes("batch stopped"), { what: "the batch to be told" });
    expect(await rejection(call)).toMatchObject({ code: "CANCELLED" });
    expect(await pool.map("increment", [1])).toEqual([2]);
  });

  test("each item has its context", async () => {
    const said: unknown[] = [];
    const logged: string[] = [];
    const options = {
      onTaskProgress: (value: unknown, index: number) => said.push([value, index]),
      onLog: ({ message }: { readonly message: string }) => logged.push(message),
    };
    const pool = shared();
    const calls = ["a", "b"].map((name) => pool.apply("contexts", [name], options));
    const got = await Promise.all(calls);
    expect(got).toEqual(calls.map(({ id: mapId }) => ({ mapId, index: 0, attempt: 1 })));
    expect(said).toEqual([
      ["half of a", 0],
      ["half of b", 0],
    ]);
    expect(logged).toEqual(["item a", "item b"]);
  });

  test("taskContext() is refused, whether an item is alone or not", async () => {
    for (const items of [[1], [1, 2]]) {
      expect(await rejection(shared().map("asksForContext", items, { chunksize: 2 }))).toMatchObject({
        code: "INVALID_STATE",
        message: expect.stringContaining("`items` of the function's second argument"),
      });
    }
  });

  test("an item that its schema refuses is in no batch", async () => {
    const wrong = { name: "" } as unknown as { name: string; greeting: string };
    const right = { name: "Ada" } as unknown as { name: string; greeting: string };
    const settled = await shared().map("greet", [right, wrong], { chunksize: 2 }).settled();
    expect(settled).toMatchObject([
      { value: "Hi Ada" },
      { reason: { code: "INVALID_ARGUMENTS", remote: { index: 1 } } },
    ]);
  });

  test("with a limit by key, no more batches run at once or start in a second than it says", async () => {
    const pool = own({ concurrency: 4 });
    const marks = new Marks();
    const items = numbers(16).map((x) => ({ log: marks.log, x, ms: 30 }));
    const call = { chunksize: 4, limit: { key: "database", concurrency: 1 } };
    const spans = await pool.map("span", items, call);
    expect(atOnce(spans.filter((_, index) => index % 4 === 0))).toBe(1);
    expect(marks.lines.map(Number).toSorted((a, b) => a - b)).toEqual(numbers(16));
    // A batch is one start, whatever the number of its items; one in 50 ms, and up to 50 ms early for one that was late.
    const calledAt = performance.timeOrigin + performance.now();
    const starts = await pool.map("span", items, { chunksize: 4, limit: { key: "rate", ratePerSecond: 20 } });
    const early = [0, 1, 2, 3].filter((batch) => {
      return (starts[batch * 4]?.[0] ?? 0) - calledAt < (batch - 1) * 50 - 5;
    });
    expect(early).toEqual([]);
  });

  test("a large chunk of batches is shared with workers that have nothing to do; each item runs once", async () => {
    const pool = own({ workers: 3 });
    await pool.ready(kind === "ThreadPool in this thread" ? 1 : 3);
    const marks = new Marks();
    const items = numbers(80).map((x) => ({ log: marks.log, x, ms: 60 }));
    const call = pool.map("span", items, { chunksize: 80 });
    expect(await call).toHaveLength(80);
    expect(marks.lines.map(Number).toSorted((a, b) => a - b)).toEqual(numbers(80));
    const { processes } = call.insights();
    expect(processes.reduce((sum, { items: n }) => sum + n, 0)).toBe(80);
    if (kind !== "ThreadPool in this thread") expect(processes.length).toBeGreaterThan(1);
  });

  test("the results of a mapReduce are folded, each once, and an item that fails is its error", async () => {
    const pool = shared();
    const options = { chunksize: 10, attempts: 2 };
    expect(await pool.mapReduce("evenOnly", [0, 2, 4, 6], "plus", options)).toBe(124);
    expect(await pool.mapReduce("sizes", numbers(16), "plus", { chunksize: 8 })).toBe(128);
    const failed = await rejection(pool.mapReduce("evenOnly", [0, 1, 2], "plus", options));
    expect(failed).toMatchObject({ message: "1 is odd", remote: { index: 1, attempt: 2 } });
    const limited = { chunksize: 4, limit: { key: "fold", concurrency: 1 } };
    expect(await pool.mapReduce("sizes", numbers(8), "plus", limited)).toBe(32);
  });

  describe.skipIf(kind === "ThreadPool in this thread")("what only ends with its process or thread", () => {
    test.each([1, 6])("a loss is charged to its culprit alone, at a chunksize of %i", async (chunksize) => {
      const settled = await own().map("exits", [0, 1, -2, 3, 4, 5], { chunksize }).settled();
      expect(settled[2]).toMatchObject({ reason: { code: "WORKER_LOST", losses: 3, remote: { index: 2 } } });
      expect(settled.toSpliced(2, 1)).toEqual(
        [0, 2, 6, 8, 10].map((value) => ({ status: "fulfilled", value })),
      );
    });

    test("an endless loop ends, and the others of its batch have their results", async () => {
      const settled = await own().map("spins", [0, -1, 2], { taskTimeoutMs: 300 }).settled();
      expect(settled).toMatchObject([{ value: 0 }, { reason: { code: "TASK_TIMEOUT" } }, { value: 2 }]);
    });
  });
});

test("a batch task is a function of one item for whoever calls it", async () => {
  const double = defineBatchTask(
    async (xs: number[]) => xs.map((x) => (x > 0 ? x * 2 : new RangeError("not positive"))),
    { maxItems: 4 },
  );
  expect(await double(2)).toBe(4);
  expect(await rejection(double(0))).toMatchObject({ name: "RangeError" });
  expect(double.length).toBe(1);
  expect(double.taskOptions).toEqual({ maxItems: 4 });
});

test("wrong options are refused where the task is defined", () => {
  const define = (options: object) => () => defineBatchTask((xs: number[]) => xs, options as { maxItems: 1 });
  expect(define({})).toThrow("Expected `maxItems` to be an integer ≥ 1, got ");
  expect(define({ maxItems: 0 })).toThrow("Expected `maxItems` to be an integer ≥ 1, got 0");
  expect(define({ maxItems: 1, maxWaitMs: -1 })).toThrow("Expected `maxWaitMs` to be an integer ≥ 0, got -1");
  expect(define({ maxItems: 1, splitOnError: 1 })).toThrow("Expected `splitOnError` to be true or false");
  expect(define({ maxItem: 1 })).toThrow("Did you mean `maxItems`?");
});
