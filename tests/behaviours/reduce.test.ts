/** `mapReduce` and `starmapReduce`: the results of a map, folded where they are made. */

import { threadId } from "node:worker_threads";

import { EmptyInputError, InvalidOptionError } from "@poolmq/producer";
import { expect, test } from "vitest";

import { onBothPools } from "../support/both-pools.ts";
import { rejection } from "../support/stage.ts";

const hundred = Array.from({ length: 100 }, (_, i) => i);
const letters = hundred.map((x) => String.fromCodePoint(0x4e00 + x)).join("");

onBothPools(({ shared }) => {
  test("the results of all items are one value", async () => {
    const pool = shared();
    expect(await pool.mapReduce("increment", hundred, "add", { chunksize: 7 })).toBe(5_050);
    expect(
      await pool.starmapReduce(
        "add",
        [
          [2, 3],
          [4, 5],
        ],
        "add",
        { initial: 100 },
      ),
    ).toBe(114);
    expect(await pool.tasks.increment.mapReduce(hundred, "addLater", { taskTimeoutMs: 60_000 })).toBe(5_050);
    expect(await pool.tasks.add.starmapReduce([[1, 2]], "add")).toBe(3);
  });

  test("the workers have folded them: this process folds one value for each job", async () => {
    for (const limits of [{}, { taskTimeoutMs: 60_000 }]) {
      const folds = await shared().mapReduce("noFolds", hundred, "countFolds", { chunksize: 10, ...limits });
      const { [`${process.pid} ${threadId}`]: here, ...elsewhere } = folds;
      expect(here).toBe(9);
      expect(Object.values(elsewhere).reduce((a, b) => a + b)).toBe(90);
    }
  });

  test("the order of the items is kept if it is asked for", async () => {
    const pool = shared();
    const options = { ordered: true, chunksize: 3, initial: ">" };
    expect(await pool.mapReduce("letter", hundred, "join", options)).toBe(`>${letters}`);
    const unordered = await pool.mapReduce("letter", hundred, "join", { chunksize: 3 });
    expect(Array.from(unordered).sort().join("")).toBe(letters);
  });

  test("an item that is tried again is folded once, between its neighbours", async () => {
    const options = { ordered: true, chunksize: 10, attempts: 2 };
    expect(await shared().mapReduce("letterAtSecondAttempt", hundred, "join", options)).toBe(letters);
  });

  test("of no items, the value is `initial`, or there is none", async () => {
    expect(await shared().mapReduce("increment", [], "add", { initial: 5 })).toBe(5);
    expect(await rejection(shared().mapReduce("increment", [], "add"))).toBeInstanceOf(EmptyInputError);
  });

  test("it rejects as `map` does, once all items have ended, or at the first failure with `failFast`", async () => {
    const failing = shared().mapReduce("failAtOdd", [2, 5, 4, 3], "add", { chunksize: 2 });
    expect(await rejection(failing)).toMatchObject({ message: "odd 5", remote: { index: 1 } });
    expect(failing.progress).toMatchObject({ done: 4, failed: 2 });
    expect(await failing.errors()).toMatchObject([{ count: 2, indices: [1, 3] }]);
    expect(await failing.settled()).toMatchObject([{ status: "rejected" }]);
    const fast = shared().mapReduce("failAtOdd", [1, 2], "add", { failFast: true });
    expect(await rejection(fast)).toMatchObject({ message: "odd 1" });
  });

  test("what the reducer throws is the error of the call, in a worker or here", async () => {
    const inWorker = shared().mapReduce("increment", [1, 2], "refuse", { chunksize: 2 });
    expect(await rejection(inWorker)).toMatchObject({ name: "RangeError", message: "refused", remote: {} });
    const here = shared().mapReduce("increment", [1, 2], "refuse", { chunksize: 1 });
    expect(await rejection(here)).toMatchObject({ name: "RangeError", message: "refused" });
  });

  test("an endless input can be cancelled, and a generator is read as far as there is room", async () => {
    let read = 0;
    function* endless() {
      for (;;) yield read++;
    }
    const controller = new AbortController();
    const endlessly = shared().mapReduce("increment", endless(), "add", {
      signal: controller.signal,
      onProgress: ({ done }) => done > 100 && controller.abort(),
    });
    expect(await rejection(endlessly)).toMatchObject({ code: "CANCELLED" });
  });

  test("a reducer that workers do not have, and options that mean nothing here, are refused", async () => {
    const call = (reducer: unknown, options?: object) =>
      rejection(shared().mapReduce("increment", [1], reducer as "add", options));
    for (const [given, message] of [
      [await call("ad"), 'got "ad", which it does not export'],
      [await call((a: number) => a), "which it does not export"],
      [await call(undefined), "Expected the reducer of mapReduce() to be a function"],
      [await call("add", { ordered: 1 }), "Expected `ordered` to be true or false, got 1"],
      [await call("add", { onResult: () => {} }), "Expected no `onResult` in the options of mapReduce()"],
      [await call("add", { orderd: true }), "Unknown option `orderd`"],
    ] as const) {
      expect(given).toBeInstanceOf(InvalidOptionError);
      expect((given as Error).message).toContain(message);
    }
    expect(await call("add", { mapId: "m" })).toBeInstanceOf(InvalidOptionError);
  });
});
