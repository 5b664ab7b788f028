/** Checked by the type checker (`tsc -b`), as pool.test.ts: every kind of call, its options, and what it gives. */

import type {
  ApplyResult,
  CallOptions,
  MapProgress,
  MapResult,
  Pool,
  PoolStats,
  ReduceResult,
  ResultStream,
  Shared,
} from "@poolmq/producer";
import { defineBatchTask, defineTask, taskContext } from "@poolmq/worker";
import { expectTypeOf, test } from "vitest";

import type * as defined from "../fixtures/defined-tasks.ts";
import type * as tasks from "../fixtures/typed-tasks.ts";

type Tasks = typeof tasks;

/** Calls in it are looked at by the type checker only. */
function typesOnly(_calls: (pool: Pool<Tasks>, definedPool: Pool<typeof defined>) => void): void {}

/** As `typesOnly`, for what is awaited. */
function asyncTypesOnly(_calls: (pool: Pool<Tasks>) => Promise<void>): void {}

test("apply gives one result", () => {
  typesOnly((pool) => {
    expectTypeOf(pool.apply("add", [1, 2])).toEqualTypeOf<ApplyResult<number>>();
    expectTypeOf(pool.apply("slowly", ["a"])).toEqualTypeOf<ApplyResult<{ readonly length: number }>>();
    expectTypeOf(pool.apply("now", [])).toEqualTypeOf<ApplyResult<Date>>();
    expectTypeOf(pool.apply("add", [1, 2] as const)).toEqualTypeOf<ApplyResult<number>>();
    expectTypeOf<Awaited<ApplyResult<Date>>>().toEqualTypeOf<Date>();
    // @ts-expect-error too few
    void pool.apply("add", [1]);
    // @ts-expect-error too many
    void pool.apply("increment", [1, 2]);
    // @ts-expect-error a wrong type
    void pool.apply("add", [1, "2"]);
    // @ts-expect-error no tuple
    void pool.apply("increment", 1);
    // @ts-expect-error misspelled
    void pool.apply("incremnt", [1]);
  });
});

test("streams give results one by one, without their promise", () => {
  typesOnly((pool) => {
    expectTypeOf(pool.imap("increment", [1])).toEqualTypeOf<ResultStream<number>>();
    expectTypeOf(pool.imapUnordered("slowly", ["a"])).toEqualTypeOf<
      ResultStream<{ readonly length: number }>
    >();
    expectTypeOf(pool.istarmap("add", [[1, 2]])).toEqualTypeOf<ResultStream<number>>();
    expectTypeOf(pool.istarmapUnordered("scale", [[1], [1, 2]])).toEqualTypeOf<ResultStream<number>>();
    // @ts-expect-error needs istarmap
    void pool.imap("add", [1]);
    // @ts-expect-error needs istarmapUnordered
    void pool.imapUnordered("add", [1]);
    // @ts-expect-error a wrong argument
    void pool.imap("increment", ["1"]);
    // @ts-expect-error a wrong tuple
    void pool.istarmap("add", [[1]]);
    // @ts-expect-error a wrong tuple
    void pool.istarmapUnordered("add", [[1, "2"]]);
  });
  asyncTypesOnly(async (pool) => {
    const stream = pool.imap("increment", [1]);
    for await (const value of stream) expectTypeOf(value).toEqualTypeOf<number>();
    expectTypeOf(await stream.next({ timeoutMs: 5 })).toEqualTypeOf<IteratorResult<number, undefined>>();
    for await (const outcome of stream.settled()) {
      expectTypeOf(outcome).toEqualTypeOf<PromiseSettledResult<number>>();
    }
    for await (const value of pool.map("increment", [1])) expectTypeOf(value).toEqualTypeOf<number>();
  });
});

test("a fold gives one result, and takes a reducer of such results only", () => {
  typesOnly((pool) => {
    expectTypeOf(pool.mapReduce("increment", [1], "add")).toEqualTypeOf<ReduceResult<number>>();
    expectTypeOf(pool.starmapReduce("add", [[1, 2]], "add", { initial: 1, ordered: true })).toEqualTypeOf<
      ReduceResult<number>
    >();
    const add = (a: number, b: number): number => a + b;
    expectTypeOf(pool.mapReduce("increment", [1], add)).toEqualTypeOf<ReduceResult<number>>();
    expectTypeOf(pool.tasks.increment.mapReduce([1], "add")).toEqualTypeOf<ReduceResult<number>>();
    expectTypeOf(pool.tasks.add.starmapReduce([[1, 2]], "addLater")).toEqualTypeOf<ReduceResult<number>>();
    expectTypeOf<Awaited<ReduceResult<Date>>>().toEqualTypeOf<Date>();
    // @ts-expect-error takes texts
    void pool.mapReduce("increment", [1], "greet");
    // @ts-expect-error gives something else than it takes
    void pool.mapReduce("slowly", ["a"], "add");
    // @ts-expect-error misspelled
    void pool.mapReduce("increment", [1], "ad");
    // @ts-expect-error a wrong type
    void pool.mapReduce("increment", [1], (a: string, b: string) => a + b);
    // @ts-expect-error a wrong argument
    void pool.mapReduce("increment", ["1"], "add");
    // @ts-expect-error needs starmapReduce
    void pool.mapReduce("add", [1], "add");
    // @ts-expect-error no result
    void pool.mapReduce("increment", [1], "add", { initial: "1" });
    // @ts-expect-error nobody could take it up
    void pool.mapReduce("increment", [1], "add", { mapId: "m" });
    // @ts-expect-error results do not come here one by one
    void pool.mapReduce("increment", [1], "add", { onResult: () => {} });
    // @ts-expect-error texts
    void pool.tasks.increment.mapReduce([1], "greet");
  });
});

test("a handle's members have the types of its results", () => {
  asyncTypesOnly(async (pool) => {
    const map = pool.map("slowly", ["a"]);
    type Slow = { readonly length: number };
    expectTypeOf(await map).toEqualTypeOf<Slow[]>();
    expectTypeOf(await map.get({ timeoutMs: 5 })).toEqualTypeOf<Slow[]>();
    expectTypeOf(await map.settled()).toEqualTypeOf<PromiseSettledResult<Slow>[]>();
    expectTypeOf(await map.wait(5)).toEqualTypeOf<boolean>();
    expectTypeOf(map.progress).toEqualTypeOf<MapProgress>();
    expectTypeOf(map.progress.total).toEqualTypeOf<number | undefined>();
    expectTypeOf(await map.then((results) => results.length)).toEqualTypeOf<number>();
    const [a, b] = await Promise.all([map, pool.apply("now", [])]);
    expectTypeOf(a).toEqualTypeOf<Slow[]>();
    expectTypeOf(b).toEqualTypeOf<Date>();
    // @ts-expect-error misspelled
    void map.get({ timeout: 5 });
  });
});

test("callbacks get the type of the result", () => {
  typesOnly((pool) => {
    void pool.map("slowly", ["a"], {
      onResult: (result, index) => {
        expectTypeOf(result).toEqualTypeOf<{ readonly length: number }>();
        expectTypeOf(index).toEqualTypeOf<number>();
      },
      onError: (error, index) => {
        expectTypeOf(error).toEqualTypeOf<unknown>();
        expectTypeOf(index).toEqualTypeOf<number>();
      },
      onProgress: (progress) => {
        expectTypeOf(progress).toEqualTypeOf<MapProgress>();
      },
      onTaskProgress: (value) => {
        expectTypeOf(value).toEqualTypeOf<unknown>();
      },
    });
    void pool.istarmap("add", [[1, 2]], { onResult: (result) => result.toFixed() });
    // @ts-expect-error the result is a number
    void pool.map("increment", [1], { onResult: (result: string) => result });
    // @ts-expect-error no function
    void pool.map("increment", [1], { onResult: 5 });
  });
});

test("options are narrow", () => {
  typesOnly((pool) => {
    void pool.map("increment", [1], {
      chunksize: "auto",
      attempts: 3,
      backoff: { type: "exponential", delayMs: 5, jitter: 0.5 },
      taskTimeoutMs: 5,
      priority: 1,
      signal: AbortSignal.timeout(5),
      failFast: true,
      buffersize: 5,
      mapId: "m",
    });
    void pool.map("increment", [1], { backoff: 5, chunksize: undefined, signal: undefined });
    expectTypeOf<CallOptions["chunksize"]>().toEqualTypeOf<number | "auto" | undefined>();
    // @ts-expect-error misspelled
    void pool.map("increment", [1], { chunksize: "autoo" });
    // @ts-expect-error misspelled
    void pool.imap("increment", [1], { bufferSize: 5 });
    // @ts-expect-error another type of backoff
    void pool.map("increment", [1], { backoff: { type: "linear", delayMs: 5 } });
    // @ts-expect-error without the delay
    void pool.map("increment", [1], { backoff: { type: "fixed" } });
    // @ts-expect-error text
    void pool.map("increment", [1], { failFast: "yes" });
    // @ts-expect-error a number
    void pool.map("increment", [1], { mapId: 5 });
    // @ts-expect-error the controller in place of its signal
    void pool.map("increment", [1], { signal: new AbortController() });
    // @ts-expect-error belongs to the definition
    void pool.map("increment", [1], { retryIf: () => true });
  });
});

test("a defined task keeps the types of its function, and shows its options", () => {
  typesOnly((_, pool) => {
    expectTypeOf(pool.map("choosy", [{ log: "", message: "" }])).toEqualTypeOf<MapResult<string>>();
    expectTypeOf(pool.imap("inFours", [{ log: "", gate: "" }])).toEqualTypeOf<ResultStream<number>>();
    expectTypeOf<(typeof defined)["inFours"]["taskOptions"]["chunksize"]>().toEqualTypeOf<4>();
    // @ts-expect-error a key is missing
    void pool.map("choosy", [{ log: "" }]);
  });
  const twice = defineTask((x: number, by: number) => x * by, { attempts: 2, chunksize: "auto" });
  expectTypeOf(twice(1, 2)).toEqualTypeOf<number>();
  expectTypeOf(twice).parameters.toEqualTypeOf<[x: number, by: number]>();
  expectTypeOf(twice.taskOptions.attempts).toEqualTypeOf<2>();
  const define = (): void => {
    // @ts-expect-error misspelled
    defineTask(() => 1, { attemps: 2 });
    // @ts-expect-error text in place of a number
    defineTask(() => 1, { attempts: "2" });
    // @ts-expect-error belongs to the call
    defineTask(() => 1, { mapId: "m" });
    // @ts-expect-error gives no answer
    defineTask(() => 1, { retryIf: () => "maybe" });
    // @ts-expect-error no function
    defineTask(5, {});
  };
  expectTypeOf(define).toBeFunction();
});

test("a shared value takes the place of an argument of its type", () => {
  asyncTypesOnly(async (pool) => {
    const one = await pool.share(1);
    const text = await pool.share("text");
    expectTypeOf(one).toEqualTypeOf<Shared<number>>();
    expectTypeOf(
      pool.starmap("add", [
        [one, 1],
        [1, one],
        [one, one],
      ]),
    ).toEqualTypeOf<MapResult<number>>();
    expectTypeOf(pool.map("increment", [one, 2])).toEqualTypeOf<MapResult<number>>();
    expectTypeOf(pool.apply("scale", [one])).toEqualTypeOf<ApplyResult<number>>();
    const tuples = [1, 2].map((x) => [one, x] as const);
    expectTypeOf(pool.starmap("add", tuples)).toEqualTypeOf<MapResult<number>>();
    // @ts-expect-error a shared text in place of a number
    void pool.map("increment", [text]);
    // @ts-expect-error a shared text in place of a number
    void pool.starmap("add", [[1, text]]);
  });
});

test("attach gives what it is told to, else unknown", () => {
  typesOnly((pool) => {
    expectTypeOf(pool.attach("m")).toEqualTypeOf<MapResult<unknown>>();
    expectTypeOf(pool.attach<number>("m")).toEqualTypeOf<MapResult<number>>();
    // @ts-expect-error a number
    void pool.attach(5);
  });
});

test("figures of the pool, and what a task knows of itself, are typed", () => {
  asyncTypesOnly(async (pool) => {
    expectTypeOf(await pool.stats()).toEqualTypeOf<PoolStats>();
    expectTypeOf<PoolStats["workers"]>().toEqualTypeOf<number>();
    expectTypeOf<PoolStats["runMs"]>().toEqualTypeOf<number | undefined>();
    expectTypeOf(await pool.ready(2)).toEqualTypeOf<void>();
    const { signal, attempt, index, mapId } = taskContext();
    expectTypeOf(signal).toEqualTypeOf<AbortSignal>();
    expectTypeOf([attempt, index]).toEqualTypeOf<number[]>();
    expectTypeOf(mapId).toEqualTypeOf<string>();
    // @ts-expect-error text
    void pool.ready("2");
  });
});

test("a batch task takes one item, and gives the result of one", () => {
  const double = defineBatchTask(
    (xs: number[], { items, signal }) => {
      expectTypeOf(signal).toEqualTypeOf<AbortSignal>();
      return xs.map((x, i) => (x > 0 ? `${x} ${items[i]?.index}` : new RangeError("negative")));
    },
    { maxItems: 10, attempts: 2 },
  );
  const later = defineBatchTask(async (xs: { id: string }[]) => xs.map(() => new Date()), { maxItems: 10 });
  expectTypeOf(double).parameters.toEqualTypeOf<[item: number]>();
  expectTypeOf(double).returns.resolves.toEqualTypeOf<string>();
  interface Batched {
    double: typeof double;
    later: typeof later;
  }
  const calls = (pool: Pool<Batched>): void => {
    expectTypeOf(pool.map("double", [1])).toEqualTypeOf<MapResult<string>>();
    expectTypeOf(pool.map(later, [{ id: "a" }])).toEqualTypeOf<MapResult<Date>>();
    expectTypeOf(pool.apply("later", [{ id: "a" }])).toEqualTypeOf<ApplyResult<Date>>();
    // @ts-expect-error an item, not a list of them
    void pool.apply("double", [[1]]);
    // @ts-expect-error a wrong item
    void pool.map("later", [1]);
  };
  void calls;
  // @ts-expect-error its function takes a list
  defineBatchTask((x: number) => [x], { maxItems: 1 });
  // @ts-expect-error how many items it takes is to be said
  const unsaid = (): unknown => defineBatchTask((xs: number[]) => xs, {});
  void unsaid;
});
