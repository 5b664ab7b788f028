import { AsyncLocalStorage } from "node:async_hooks";

import { describe, expect, test } from "vitest";

import * as tasks from "../fixtures/behaviours.ts";
import { onBothPools } from "../support/both-pools.ts";
import { seededRandom } from "../support/random.ts";
import { Marks, rejection } from "../support/stage.ts";

async function* slowly<V>(values: Iterable<V>): AsyncGenerator<V> {
  for (const value of values) {
    await new Promise((resolve) => setImmediate(resolve));
    yield value;
  }
}

onBothPools(({ shared, own }) => {
  describe("map", () => {
    test("gives the results in input order, whatever order items finish in", async () => {
      const random = seededRandom(7);
      const items = Array.from({ length: 60 }, (_, index) => [random() * 8, index] as [number, number]);
      const pool = own({ workers: 2, concurrency: 8 });
      expect(await pool.starmap("echoLater", items)).toEqual(items.map(([, index]) => index));
    });

    test("takes any iterable, sync or async", async () => {
      const pool = shared();
      const expected = [2, 3, 4];
      expect(await pool.map("increment", [1, 2, 3])).toEqual(expected);
      expect(await pool.map("increment", new Set([1, 2, 3]))).toEqual(expected);
      expect(await pool.map("increment", new Uint8Array([1, 2, 3]))).toEqual(expected);
      expect(await pool.map("increment", [1, 2, 3].values())).toEqual(expected);
      expect(await pool.map("increment", slowly([1, 2, 3]))).toEqual(expected);
    });

    test("takes the function itself in place of its name", async () => {
      expect(await shared().map(tasks.increment, [1])).toEqual([2]);
    });

    test("gives copies of results, and functions copies of arguments", async () => {
      const item = { list: [1] };
      const [result] = await shared().map("echo", [item]);
      expect(result).toEqual(item);
      expect(result).not.toBe(item);
    });

    test("an input that throws fails the call with that very error, after the items before it", async () => {
      const error = new Error("the disk is gone");
      const results: number[] = [];
      const call = shared().map(
        "increment",
        (function* () {
          yield 1;
          yield 2;
          throw error;
        })(),
        { onResult: (result) => results.push(result) },
      );
      expect(await rejection(call)).toBe(error);
      expect(new Set(results)).toEqual(new Set([2, 3]));
      const rejecting = slowly(
        (function* () {
          yield 1;
          throw error;
        })(),
      );
      expect(await rejection(shared().map("increment", rejecting))).toBe(error);
      expect(await shared().map("increment", [1])).toEqual([2]);
    });
  });

  describe("thousands of calls at once", () => {
    /** As many as may be under way: what is called in the same turn has to wait in line. */
    const fill = (pool: ReturnType<typeof shared>): PromiseLike<number>[] =>
      Array.from({ length: 1_000 }, (_, i) => pool.apply("increment", [i]));

    test("wait in line, and are all served", async () => {
      const pool = shared();
      const calls = fill(pool);
      const more = Array.from({ length: 300 }, (_, i) => pool.map("increment", [i]));
      expect(await Promise.all(calls)).toEqual(Array.from({ length: 1_000 }, (_, i) => i + 1));
      expect(await Promise.all(more)).toEqual(Array.from({ length: 300 }, (_, i) => [i + 1]));
    });

    test("one that waits is cancelled at once, and keeps its caller's async context", async () => {
      const pool = shared();
      const calls = fill(pool);
      const told: number[] = [];
      const cancelled = pool.apply("increment", [1], { onProgress: ({ done }) => told.push(done) });
      expect(cancelled.progress).toMatchObject({ total: 1, done: 0, running: 0, ended: false });
      cancelled.cancel("not needed");
      expect(await rejection(cancelled)).toMatchObject({ code: "CANCELLED", cause: "not needed" });
      expect(cancelled.progress.ended).toBe(true);
      expect(told.length).toBeGreaterThan(0);
      const abort = new AbortController();
      const aborted = pool.map("increment", [1, 2], { signal: abort.signal });
      abort.abort("gone");
      expect(await aborted.settled()).toMatchObject(
        Array.from({ length: 2 }, () => ({
          status: "rejected",
          reason: { code: "CANCELLED", cause: "gone" },
        })),
      );
      const scope = new AsyncLocalStorage<string>();
      const again = fill(pool);
      const read = scope.run("the caller", () =>
        pool.map("echo", [
          {
            get scope() {
              return scope.getStore();
            },
          },
        ]),
      );
      expect(await read).toEqual([{ scope: "the caller" }]);
      await Promise.all([...calls, ...again]);
    });

    test("those that wait end with their pool", async () => {
      const pool = own({ workers: 1 });
      const calls = [...fill(pool), pool.apply("increment", [1])];
      const codes = Promise.all(calls.map(async (call) => (await rejection(call)) as { code: string }));
      await pool.terminate();
      expect(new Set((await codes).map(({ code }) => code))).toEqual(new Set(["CANCELLED"]));
    });
  });

  describe("starmap", () => {
    test("spreads each tuple over the arguments", async () => {
      const tuples: [number, number][] = [
        [1, 2],
        [3, 4],
        [5, 6],
      ];
      expect(await shared().starmap("add", tuples)).toEqual([3, 7, 11]);
    });

    test("refuses an item that is no tuple", async () => {
      const call = shared().starmap("add", [[1, 2], 3 as never]);
      expect(await rejection(call)).toMatchObject({
        code: "INVALID_OPTION",
        message: expect.stringContaining("got 3 at index 1"),
      });
    });
  });

  describe("apply", () => {
    test("gives the one result, or throws what the function threw", async () => {
      expect(await shared().apply("add", [1, 2])).toBe(3);
      expect(await rejection(shared().apply("evenOnly", [3]))).toMatchObject({ name: "OddError", x: 3 });
    });
  });

  test("an empty input gives an empty result", async () => {
    const pool = shared();
    expect(await pool.map("increment", [])).toEqual([]);
    expect(await pool.starmap("add", [])).toEqual([]);
    expect(await pool.imap("increment", []).next()).toEqual({ done: true, value: undefined });
    expect(await pool.istarmapUnordered("add", []).next()).toEqual({ done: true, value: undefined });
  });

  describe("what is wrong with a call", () => {
    test("an unknown task is refused with the nearest name", async () => {
      expect(await rejection(shared().map("incremant" as "increment", [1]))).toMatchObject({
        code: "TASK_NOT_REGISTERED",
        message: expect.stringContaining('Did you mean "increment"?'),
        known: expect.arrayContaining(["increment", "add"]),
      });
      expect(await rejection(shared().map("constructor" as "increment", [1]))).toMatchObject({
        code: "TASK_NOT_REGISTERED",
      });
    });

    test.for([
      [{ chunksize: 0 }, "`chunksize` to be an integer ≥ 1"],
      [{ buffersize: 1.5 }, "`buffersize` to be an integer ≥ 1"],
      [{ attempts: 0 }, "`attempts`"],
      [{ taskTimeoutMs: -1 }, "`taskTimeoutMs`"],
      [{ limit: { key: "", concurrency: 1 } }, "`limit.key` to be a text of 1 to 200 characters, got ''"],
      [{ limit: { concurrency: 1 } }, "`limit.key`"],
      [{ limit: { key: "k" } }, "`concurrency`, `ratePerSecond` or both"],
      [{ limit: { key: "k", concurrency: 0 } }, "`limit.concurrency` to be an integer from 1 to"],
      [{ limit: { key: "k", concurrency: 2 ** 31 } }, "`limit.concurrency`"],
      [{ limit: { key: "k", ratePerSecond: NaN } }, "`limit.ratePerSecond`"],
      [{ limit: { key: "k", ratePerSecond: -1 } }, "`limit.ratePerSecond`"],
      [{ limit: { key: "k", perSecond: 1 } }, "Known: key, concurrency, ratePerSecond"],
      [{ limit: "k" }, "the `limit` option to be an object"],
      [{ chunkSize: 2 }, "Did you mean `chunksize`?"],
      [{ onResult: 1 }, "`onResult` to be a function"],
    ] as const)("%j is refused by the handle", async ([options, message]) => {
      expect(await rejection(shared().map("increment", [1], options as never))).toMatchObject({
        code: "INVALID_OPTION",
        message: expect.stringContaining(message),
      });
      expect(
        await rejection(
          shared()
            .imap("increment", [1], options as never)
            .next(),
        ),
      ).toMatchObject({
        code: "INVALID_OPTION",
      });
    });

    test("items that are not iterable are refused", async () => {
      expect(await rejection(shared().map("increment", 5 as never))).toMatchObject({
        code: "INVALID_OPTION",
      });
    });
  });

  describe("the handle", () => {
    test("tells progress, and can be asked with a time limit while the map goes on", async () => {
      const marks = new Marks();
      const call = shared().map("gated", [{ log: marks.log, gate: marks.gate }]);
      await marks.started(1);
      expect(call.progress).toMatchObject({ total: 1, done: 0, failed: 0, running: 1 });
      expect(call.ready()).toBe(false);
      expect(() => call.successful()).toThrow(expect.objectContaining({ code: "INVALID_STATE" }));
      expect(await rejection(call.get({ timeoutMs: 1 }))).toMatchObject({ code: "GET_TIMEOUT" });
      // `get(5)` and `get({ timeout: 5 })` waited without a limit.
      for (const wrong of [5, null, { timeout: 5 }, { timeoutMs: NaN }]) {
        expect(await rejection(call.get(wrong as never))).toMatchObject({ code: "INVALID_OPTION" });
      }
      expect(await call.wait(1)).toBe(false);
      marks.open();
      expect(await call.get({ timeoutMs: 10_000 })).toEqual(["started"]);
      expect(await call.wait()).toBe(true);
      expect(call.successful()).toBe(true);
      expect(call.progress).toMatchObject({ total: 1, done: 1, failed: 0, running: 0 });
    });

    test("settled() gives every item's outcome in input order, and never rejects", async () => {
      const call = shared().map("evenOnly", [0, 1, 2]);
      expect(await call.settled()).toEqual([
        { status: "fulfilled", value: 0 },
        { status: "rejected", reason: expect.objectContaining({ name: "OddError", x: 1 }) },
        { status: "fulfilled", value: 2 },
      ]);
      expect(call.successful()).toBe(false);
    });

    test("settled() of a cancelled map has an outcome for every item, and of a refused call rejects", async () => {
      const marks = new Marks();
      const { log, gate } = marks;
      const call = own({ workers: 1 }).map("gated", [
        { log, gate },
        { log, gate },
        { log, gate },
      ]);
      await marks.started(1);
      call.cancel("enough");
      const outcomes = await call.settled();
      expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
      expect(outcomes[2]).toMatchObject({ reason: { code: "CANCELLED" } });
      const refused = shared().map("increment", 5 as unknown as number[]);
      expect(await rejection(refused.settled())).toMatchObject({ code: "INVALID_OPTION" });
    });

    test("is iterable in input order, rejects in a failed item's turn and goes on after it", async () => {
      const results = shared().map("evenOnly", [0, 1, 2])[Symbol.asyncIterator]();
      expect(await results.next()).toEqual({ done: false, value: 0 });
      expect(await rejection(results.next())).toMatchObject({ x: 1 });
      expect(await results.next()).toEqual({ done: false, value: 2 });
      expect(await results.next()).toEqual({ done: true, value: undefined });
    });
  });

  describe("ready and stats", () => {
    test("ready() waits for so many workers, which stats() counts", async () => {
      const pool = shared();
      await pool.ready(2);
      await pool.map("increment", [1, 2, 3]);
      // An outcome is delivered before its job is acknowledged.
      await expect
        .poll(() => pool.stats())
        .toMatchObject({
          waiting: 0,
          active: 0,
          machines: 1,
          workers: 2,
          throughput: expect.any(Number),
          runMs: expect.any(Number),
          waitMs: expect.any(Number),
        });
    });
  });

  describe("the end of a pool", () => {
    test("close() takes no new calls and finishes the old ones; join() waits for that", async () => {
      const marks = new Marks();
      const pool = own();
      const call = pool.map("gated", [{ log: marks.log, gate: marks.gate }]);
      expect(await rejection(pool.join())).toMatchObject({ code: "INVALID_STATE" });
      await marks.started(1);
      pool.close();
      pool.close();
      expect(await rejection(pool.map("increment", [1]))).toMatchObject({ code: "POOL_CLOSED" });
      expect(await rejection(pool.imap("increment", [1]).next())).toMatchObject({ code: "POOL_CLOSED" });
      expect(await rejection(pool.apply("increment", [1]))).toMatchObject({ code: "POOL_CLOSED" });
      expect(await rejection(pool.share(1))).toMatchObject({ code: "POOL_CLOSED" });
      expect(await rejection(pool.ready())).toMatchObject({ code: "POOL_CLOSED" });
      expect(await rejection(pool.stats())).toMatchObject({ code: "POOL_CLOSED" });
      marks.open();
      await pool.join();
      expect(pool.state).toBe("closed");
      expect(await call).toEqual(["started"]);
    });

    test("terminate() rejects the handles, running or waiting, with the reason as cause", async () => {
      const marks = new Marks();
      const pool = own();
      const running = pool.map("spinForEver", [marks.log]);
      const waiting = pool.imap("increment", [1, 2]);
      await marks.started(1);
      const reason = new Error("user left");
      await Promise.all([pool.terminate(reason), pool.terminate()]);
      expect(await rejection(running)).toMatchObject({ code: "CANCELLED", cause: reason });
      expect(await rejection(waiting.next())).toMatchObject({ code: "CANCELLED", cause: reason });
      expect(pool.state).toBe("closed");
      await pool.join();
    });

    test("terminate() right after a call does not wait for the start", async () => {
      const pool = own();
      const call = pool.map("increment", [1, 2, 3]);
      await pool.terminate();
      expect(await rejection(call)).toMatchObject({ code: "CANCELLED" });
    });

    test("await using finishes maps that nobody awaited", async () => {
      let call;
      {
        await using pool = own();
        call = pool.map("increment", [1, 2, 3]);
      }
      expect(call.successful()).toBe(true);
    });
  });
});
