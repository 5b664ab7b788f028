import type { MapProgress } from "@poolmq/producer";
import { describe, expect, test, vi } from "vitest";

import { onBothPools } from "../support/both-pools.ts";
import { collect } from "../support/collect.ts";
import { Marks, rejection } from "../support/stage.ts";

onBothPools(({ shared, own }) => {
  describe("chunksize", () => {
    test.for([1, 3, 7, 100, "auto"] as const)(
      "%s gives the same results, in input order",
      async (chunksize) => {
        const items = Array.from({ length: 50 }, (_, index) => index);
        expect(await shared().map("increment", items, { chunksize })).toEqual(items.map((x) => x + 1));
        expect(await collect(shared().imap("increment", items, { chunksize }))).toEqual(
          items.map((x) => x + 1),
        );
      },
    );

    test.for([2, 7, "auto"] as const)("%s leaves an item's error to that item", async (chunksize) => {
      const call = shared().map("evenOnly", [0, 1, 2, 3, 4, 5, 6], { chunksize });
      const settled = await call.settled();
      expect(settled.map(({ status }) => status === "fulfilled")).toEqual([
        true,
        false,
        true,
        false,
        true,
        false,
        true,
      ]);
      expect(await rejection(call)).toMatchObject({ x: 1, remote: { index: 1 } });
      expect(call.progress).toMatchObject({ total: 7, done: 7, failed: 3, running: 0 });
    });
  });

  describe("callbacks", () => {
    test("are called once for each item, with its index", async () => {
      const results = new Map<number, number>();
      const errors = new Map<number, unknown>();
      const progress: number[] = [];
      const call = shared().map("evenOnly", [4, 5, 6, 7], {
        chunksize: 3,
        onResult: (result, index) => results.set(index, result),
        onError: (error, index) => errors.set(index, error),
        onProgress: ({ done }) => progress.push(done),
      });
      const outcomes = await call.settled();
      expect(results).toEqual(
        new Map([
          [0, 4],
          [2, 6],
        ]),
      );
      expect(new Set(errors.keys())).toEqual(new Set([1, 3]));
      for (const [index, error] of errors) {
        expect((outcomes[index] as PromiseRejectedResult).reason).toBe(error);
      }
      // The last word is the whole, and is said before the handle settles.
      expect(progress.at(-1)).toBe(4);
      expect(progress).toEqual(progress.toSorted((a, b) => a - b));
    });

    test("onProgress is told of the start, and of the rate and the time left", async () => {
      const told: MapProgress[] = [];
      await shared().map("evenOnly", [2, 4, 6], { onProgress: (progress) => told.push(progress) });
      expect(told[0]).toMatchObject({ total: 3, done: 0, rate: 0, timeLeftMs: undefined, ended: false });
      expect(told.at(-1)).toMatchObject({
        total: 3,
        done: 3,
        failed: 0,
        running: 0,
        timeLeftMs: 0,
        ended: true,
      });
      expect(told.at(-1)?.rate).toBeGreaterThan(0);
      expect(told.filter(({ ended }) => ended)).toHaveLength(1);
    });

    test("the total is known from the start only if the input has a length", async () => {
      const totals = async (items: Iterable<number>): Promise<unknown[]> => {
        const told: unknown[] = [];
        await shared().map("evenOnly", items, { onProgress: ({ total }) => told.push(total) });
        return [told[0], told.at(-1)];
      };
      expect(await totals([2, 4])).toEqual([2, 2]);
      expect(await totals(new Set([2, 4]).values())).toEqual([undefined, 2]);
    });

    test("that throw, or reject, are reported and harm nothing", async () => {
      const warn = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
      const results = await shared().map("increment", [1, 2], {
        onResult: () => {
          throw new Error("a bug of the caller's");
        },
        // A caller in JavaScript may do this; `void` as its result type lets one in TypeScript.
        onProgress: (): void => Promise.reject(new Error("another one")) as unknown as void,
      });
      expect(results).toEqual([2, 3]);
      const said = warn.mock.calls.map(([message]) => String(message));
      warn.mockRestore();
      expect(
        said.filter((message) => message.startsWith("The onResult callback of map() threw")),
      ).toHaveLength(2);
      expect(said).toContainEqual(expect.stringContaining("The onProgress callback of map() threw"));
    });
  });

  test("an onTaskProgress that throws is reported, and no outcome is lost by it", async () => {
    const warn = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    const marks = new Marks();
    const { log, gate } = marks;
    const items = Array.from({ length: 20 }, () => ({ log, gate }));
    const results = await shared().map("reports", items, {
      onTaskProgress: () => {
        marks.open();
        throw new Error("a bug of the caller's");
      },
    });
    const said = warn.mock.calls.map(([message]) => String(message));
    warn.mockRestore();
    expect(results).toHaveLength(20);
    expect(marks.lines).toHaveLength(20);
    expect(said).toContainEqual(expect.stringContaining("The onTaskProgress callback of map() threw"));
  });

  describe("failFast", () => {
    test("rejects at the first failure, and cancels the rest", async () => {
      const marks = new Marks();
      const pool = own({ workers: 1 });
      const items = [1, ...Array.from({ length: 500 }, (_, index) => index * 2)];
      const results: unknown[] = [];
      const call = pool.map("evenOnly", items, {
        failFast: true,
        onResult: (result) => results.push(result),
      });
      expect(await rejection(call)).toMatchObject({ name: "OddError", x: 1 });
      expect(call.progress.done).toBeLessThan(501);
      const delivered = results.length;
      expect(await pool.map("gated", [{ log: marks.log, gate: marks.log }])).toEqual(["started"]);
      expect(results).toHaveLength(delivered);
    });
  });

  describe("priority", () => {
    test("of a lower number goes first, and none goes last", async () => {
      const marks = new Marks();
      const pool = own({ workers: 1 });
      await pool.ready();
      const { log, gate } = marks;
      const running = pool.map("gated", [{ log, gate }]);
      await marks.started(1);
      const say = async (name: string, priority?: number): Promise<string[]> =>
        await pool.map("gated", [{ log, gate, say: name }], { priority });
      const calls = [say("nine", 9), say("two", 2), say("none"), say("two again", 2)];
      await vi.waitFor(async () => expect((await pool.stats()).waiting).toBe(4));
      marks.open();
      await Promise.all([running, ...calls]);
      expect(marks.lines).toEqual(["started", "two", "two again", "nine", "none"]);
    });
  });

  describe("attempts", () => {
    test("are how often a failing item is run in all; its neighbours run once", async () => {
      const [fails, works] = [new Marks(), new Marks()];
      const items = [
        { log: works.log, runs: 1 },
        { log: fails.log, runs: 3 },
      ];
      expect(await shared().map("failsUntil", items, { attempts: 3, chunksize: 2 })).toEqual([1, 3]);
      expect(fails.lines).toHaveLength(3);
      expect(works.lines).toHaveLength(1);
    });

    test("that are used up end in the error of the last one", async () => {
      const marks = new Marks();
      const call = shared().map("failsUntil", [{ log: marks.log, runs: 9 }], { attempts: 2 });
      expect(await rejection(call)).toMatchObject({ message: "run 2", remote: { attempt: 2 } });
      expect(marks.lines).toHaveLength(2);
    });

    test("wait out the back-off between them", async () => {
      const marks = new Marks();
      const call = shared().map("failsUntil", [{ log: marks.log, runs: 3 }], {
        attempts: 3,
        backoff: { type: "exponential", delayMs: 40 },
      });
      expect(await call).toEqual([3]);
      const [first = 0, second = 0, third = 0] = marks.lines.map(Number);
      // Wall clocks of two processes, and timers that count whole ms.
      expect(second - first).toBeGreaterThan(38);
      expect(third - second).toBeGreaterThan(78);
    });

    test("come from the definition, the pool and the call, of which the later one wins", async () => {
      const run = async (pool: ReturnType<typeof shared>, options = {}): Promise<number> => {
        const marks = new Marks();
        await pool.map("twiceByDefinition", [{ log: marks.log, runs: 99 }], options).settled();
        return marks.lines.length;
      };
      expect(await run(shared())).toBe(2);
      expect(await run(shared(), { attempts: 4 })).toBe(4);
      const pool = own({ attempts: 3 });
      expect(await run(pool)).toBe(3);
      expect(await run(pool, { attempts: 1 })).toBe(1);
    });

    test("end where the definition's retryIf says that they would not mend it", async () => {
      const [mends, does_not] = [new Marks(), new Marks()];
      const call = shared().map(
        "retriesOnlyNetworkErrors",
        [
          { log: mends.log, name: "NetworkError" },
          { log: does_not.log, name: "SyntaxError" },
        ],
        { chunksize: 2 },
      );
      expect(await rejection(call)).toMatchObject({ name: "NetworkError", remote: { attempt: 3 } });
      expect(mends.lines).toHaveLength(3);
      expect(does_not.lines).toHaveLength(1);
    });
  });
});
