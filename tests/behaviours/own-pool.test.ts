/** Tasks that call the very pool that runs them, which they can where it runs them in the program's own thread. */

import { ThreadPool } from "@poolmq/producer";
import type { ThreadPoolOptions } from "@poolmq/producer";
import { expect, onTestFinished, test } from "vitest";

import { rejection } from "../support/stage.ts";
import { until } from "../support/until.ts";

interface Tree {
  readonly wide: number;
  readonly deep: number;
}

function tasksOf(own: () => ThreadPool<ReturnType<typeof tasksOf>>) {
  const tasks = {
    leaf: (x: number): number => x + 1,
    fails: (x: number): number => {
      throw new RangeError(`item ${x}`);
    },
    endless: async (_: unknown): Promise<void> => await new Promise(() => {}),
    /** Adds up the leaves of a tree whose knots are items. */
    leaves: async ({ wide, deep }: Tree): Promise<number> => {
      if (deep === 0) return 1;
      const below = Array.from({ length: wide }, () => ({ wide, deep: deep - 1 }));
      const sums: number[] = await own().map("leaves", below);
      return sums.reduce((a, b) => a + b, 0);
    },
    calls: async (x: number): Promise<number> => await own().apply("leaf", [x]),
    reads: async (n: number): Promise<number> => {
      let sum = 0;
      for await (const x of own().imap("calls", Array(n).fill(1), { buffersize: 2 })) sum += x;
      return sum;
    },
    callsManyAtOnce: async (n: number): Promise<number> => {
      const all = await Promise.all(Array.from({ length: n }, (_, i) => own().apply("leaf", [i])));
      return all.length;
    },
    callsWhatFails: async (x: number): Promise<unknown> => await own().map("fails", [x]),
    callsWhatIsEndless: async (_: unknown): Promise<unknown> => await own().map("endless", [0]),
    callsWithALimit: async (_: unknown): Promise<unknown> =>
      await own().map("endless", [0], { taskTimeoutMs: 1 }),
    cancels: async (_: unknown): Promise<string> => {
      const call = own().map("endless", [0]);
      call.cancel("enough");
      return await call.then(
        () => "ended",
        (error: unknown) => (error as { code: string }).code,
      );
    },
    usesAShare: async (value: { readonly x: number }): Promise<number> => {
      const shared = await own().share(value);
      return await own().apply("readsX", [shared as never]);
    },
    readsX: ({ x }: { readonly x: number }): number => x,
    joins: async (_: unknown): Promise<void> => {
      own().close();
      await own().join();
    },
    /** Leaves a chain of calls behind, each made after the one before has ended. */
    pollsOn: async (times: number): Promise<void> => {
      if (times > 0) setTimeout(() => void own().apply("pollsOn", [times - 1]), 0);
      else polled++;
    },
  };
  return tasks;
}

let polled = 0;

function inProcess(options: Partial<ThreadPoolOptions> = {}): ThreadPool<ReturnType<typeof tasksOf>> {
  const tasks = tasksOf(() => pool);
  const pool = new ThreadPool<ReturnType<typeof tasksOf>>({ tasks, threads: 0, ...options });
  onTestFinished(() => pool.terminate());
  return pool;
}

test("each item waits for those that it calls, however deep, whatever the number of places", async () => {
  for (const concurrency of [1, 3]) {
    const pool = inProcess({ concurrency });
    expect(await pool.map("leaves", [{ wide: 2, deep: 5 }])).toEqual([32]);
    expect(await pool.apply("leaves", [{ wide: 1, deep: 50 }])).toBe(1);
    expect(await pool.map("leaves", Array(20).fill({ wide: 3, deep: 2 }))).toEqual(Array(20).fill(9));
    expect(await pool.map("reads", [5, 5])).toEqual([10, 10]);
  }
});

test("more calls at once than may be under way, outside and inside", async () => {
  const pool = inProcess();
  const calls = Array.from({ length: 1_500 }, (_, i) => pool.apply("calls", [i]));
  expect(await Promise.all(calls)).toEqual(calls.map((_, i) => i + 1));
  expect(await pool.apply("callsManyAtOnce", [1_500])).toBe(1_500);
});

test("what fails, is cancelled or runs too long inside is told to the item that called it", async () => {
  const pool = inProcess();
  expect(await rejection(pool.map("callsWhatFails", [7]))).toMatchObject({
    name: "RangeError",
    message: "item 7",
  });
  expect(await rejection(pool.map("callsWithALimit", [0]))).toMatchObject({ code: "TASK_TIMEOUT" });
  expect(await pool.map("cancels", [0])).toEqual(["CANCELLED"]);
  expect(await pool.map("usesAShare", [{ x: 5 }])).toEqual([5]);
  expect(await pool.map("calls", [1])).toEqual([2]);
});

test("what an item has called ends with it", async () => {
  const pool = inProcess();
  const timedOut = pool.map("callsWhatIsEndless", [0], { taskTimeoutMs: 20 });
  expect(await rejection(timedOut)).toMatchObject({ code: "TASK_TIMEOUT" });
  const cancelled = pool.map("callsWhatIsEndless", [0]);
  await until(async () => (await pool.stats()).active === 2, { what: "the inner item" });
  cancelled.cancel();
  expect(await rejection(cancelled)).toMatchObject({ code: "CANCELLED" });
  await until(async () => (await pool.stats()).active === 0, { what: "all to end" });
  expect(await pool.map("calls", [1])).toEqual([2]);
});

test("close() lets items call what they need to end, and terminate() ends them", async () => {
  const pool = inProcess();
  const call = pool.map("leaves", [{ wide: 2, deep: 3 }]);
  pool.close();
  expect(await call).toEqual([8]);
  await pool.join();
  expect(await rejection(pool.apply("leaf", [1]))).toMatchObject({ code: "POOL_CLOSED" });
  const other = inProcess();
  const endless = other.map("callsWhatIsEndless", [0]);
  await until(async () => (await other.stats()).active === 2, { what: "the inner item" });
  await Promise.all([other.terminate(), rejection(endless)]);
  expect(other.state).toBe("closed");
});

test("an item that waits for the end of its own pool, or an initializer for its start, is told so", async () => {
  expect(await rejection(inProcess().map("joins", [0]))).toMatchObject({ code: "INVALID_STATE" });
  for (const wait of ["map", "ready"] as const) {
    const tasks = {
      initializer: async () => await (wait === "map" ? pool.map("leaf", [1]) : pool.ready()),
      leaf: (x: number) => x,
    };
    const pool = new ThreadPool<typeof tasks>({ tasks, threads: 0 });
    onTestFinished(() => pool.terminate());
    expect(await rejection(pool.map("leaf", [1]))).toMatchObject({
      code: "TASKS_MODULE",
      cause: { code: "INVALID_STATE", message: expect.stringMatching(`^${wait}\\(\\) was called`) },
    });
  }
});

test("code that items left behind, and callbacks, call as the program does", async () => {
  const pool = inProcess();
  await pool.map("pollsOn", [30, 30]);
  await until(() => polled === 2, { what: "both chains to end" });
  const { promise, resolve } = Promise.withResolvers<unknown>();
  await rejection(
    pool.map("callsWhatIsEndless", [0], {
      taskTimeoutMs: 1,
      onError: () => resolve(pool.apply("leaf", [1])),
    }),
  );
  expect(await promise).toBe(2);
});

/** Goes back and forth between two pools. */
function relay(other: () => ThreadPool<ReturnType<typeof relay>>, onDown: (left: number) => void = () => {}) {
  return {
    down: async (left: number): Promise<number> => {
      onDown(left);
      return left === 0 ? 0 : 1 + (await other().apply("down", [left - 1]));
    },
  };
}

test("tasks of two pools that call each other's pool wait for what they called, and never for themselves", async () => {
  const seen = new Set<number>();
  const { promise: areUnderWay, resolve } = Promise.withResolvers<void>();
  const first: ThreadPool<ReturnType<typeof relay>> = new ThreadPool({
    tasks: relay(
      () => second,
      (left) => {
        if (seen.add(left).has(24) && seen.has(25)) resolve();
      },
    ),
    threads: 0,
  });
  const second: typeof first = new ThreadPool({ tasks: relay(() => first), threads: 0 });
  onTestFinished(async () => void (await Promise.all([first.terminate(), second.terminate()])));
  expect(await first.map("down", [9, 8, 9])).toEqual([9, 8, 9]);
  const both = Promise.all([first.map("down", [36, 35]), second.map("down", [25, 26])]);
  // A pool that is closed still serves the items for which its own items wait. Those of the other map have to be among these.
  await areUnderWay;
  first.close();
  expect(await both).toEqual([
    [36, 35],
    [25, 26],
  ]);
  await first.join();
  expect(await rejection(second.apply("down", [1]))).toMatchObject({ code: "POOL_CLOSED" });
});
