import { describe, expect, test } from "vitest";

import { redisForFile } from "../../support/redis-server.ts";
import { poolForFile, Stage } from "../../support/stage.ts";

const redis = redisForFile();
const shared = poolForFile(redis);

describe("map", () => {
  test("gives the results in input order, whatever order items finish in", async () => {
    const pool = new Stage(redis()).localPool({ concurrency: 20 });
    const items = Array.from({ length: 20 }, (_, index) => index);
    expect(await pool.map("backwards", items)).toEqual(items);
  });

  test("gives an empty result for an empty input", async () => {
    const pool = shared();
    expect(await pool.map("increment", [])).toEqual([]);
    expect(await pool.starmap("add", new Set<[number, number]>())).toEqual([]);
  });

  test("takes arrays, sets, maps, strings, generators and async generators", async () => {
    const pool = shared();
    function* three(): Generator<number> {
      yield* [1, 2, 3];
    }
    async function* threeLater(): AsyncGenerator<number> {
      for (const x of three()) {
        await new Promise(setImmediate);
        yield x;
      }
    }
    expect(await pool.map("increment", [1, 2, 3])).toEqual([2, 3, 4]);
    expect(await pool.map("increment", new Set([1, 2, 3]))).toEqual([2, 3, 4]);
    expect(await pool.map("increment", three())).toEqual([2, 3, 4]);
    expect(await pool.map("increment", threeLater())).toEqual([2, 3, 4]);
    expect(await pool.map("increment", Float64Array.of(1, 2, 3))).toEqual([2, 3, 4]);
    expect(await pool.map("echo", new Map([["a", 1]]))).toEqual([["a", 1]]);
    expect(await pool.map("echo", "añ😀")).toEqual(["a", "ñ", "😀"]);
  });

  test("takes async iterables whose next() gives any thenable", async () => {
    const pool = shared();
    const left = [1, 2, 3];
    const next = (): IteratorResult<number> => {
      const value = left.shift();
      return value === undefined ? { done: true, value } : { done: false, value };
    };
    const items = {
      [Symbol.asyncIterator]: () => ({
        next: () => ({
          then: (resolve: (result: IteratorResult<number>) => void) => resolve(next()),
        }),
      }),
    } as unknown as AsyncIterable<number>;
    expect(await pool.map("increment", items)).toEqual([2, 3, 4]);
  });

  test("takes chunks of any size, and a window smaller than the chunk", async () => {
    const pool = new Stage(redis()).localPool({ window: 7 });
    const items = Array.from({ length: 50 }, (_, index) => index);
    const expected = items.map((x) => x + 1);
    expect(await pool.map("increment", items, { chunksize: 3 })).toEqual(expected);
    expect(await pool.map("increment", items, { chunksize: 1_000 })).toEqual(expected);
  });

  test("carries undefined, NaN, -0, BigInt, Date, Map, bytes and cycles both ways", async () => {
    const pool = shared();
    const cycle: { self?: unknown; tag: string } = { tag: "c" };
    cycle.self = cycle;
    const values = [
      undefined,
      null,
      Number.NaN,
      -0,
      10n,
      new Date(0),
      new Map([[{ k: 1 }, new Set([2])]]),
      Buffer.from("\t\n\0"),
      "tab\tline\n\u2028\ud800",
      cycle,
    ];
    const results = await pool.map("echo", values);
    expect(results.slice(0, -1)).toEqual(values.slice(0, -1));
    expect(Object.is(results[3], -0)).toBe(true);
    const [copy] = results.slice(-1) as [typeof cycle];
    expect(copy.self).toBe(copy);
  });

  test("can be called with a function that takes none, an optional or any number of arguments", async () => {
    const pool = shared();
    expect(await pool.map("count", [5, 6])).toEqual([1, 1]);
    expect(await pool.starmap("count", [[], [1], [1, 2, 3]])).toEqual([0, 1, 3]);
  });

  test("takes the function itself in place of its name", async () => {
    const { increment } = await import("../../fixtures/tasks.ts");
    const pool = shared();
    expect(await pool.map(increment, [1])).toEqual([2]);
  });

  test("many maps at once keep apart", async () => {
    const pool = shared();
    const maps = Array.from({ length: 20 }, (_, base) => pool.map("increment", [base * 10, base * 10 + 1]));
    expect(await Promise.all(maps)).toEqual(maps.map((_, base) => [base * 10 + 1, base * 10 + 2]));
  });

  test("10,000 items on 2 processes come back complete and in order, ten times in a row", async () => {
    const pool = new Stage(redis()).localPool({ processes: 2 });
    const items = Array.from({ length: 10_000 }, (_, index) => index);
    const expected = items.map((x) => x + 1);
    for (let round = 0; round < 10; round++) {
      const results = await pool.map("increment", items);
      // Compared as text: a diff of 10,000 lines helps nobody.
      expect(results.join() === expected.join(), `round ${round}`).toBe(true);
    }
  }, 120_000);
});

describe("an input that throws", () => {
  test("fails the call with that very error, after the earlier items have run; the pool goes on", async () => {
    const stage = new Stage(redis());
    const pool = stage.localPool();
    const error = new Error("disk gone");
    function* input(): Generator<number> {
      yield 1;
      yield 2;
      throw error;
    }
    const result = pool.map("increment", input());
    await expect(result).rejects.toBe(error);
    expect(result.progress).toMatchObject({ total: 2, done: 2, failed: 0, running: 0 });
    async function* later(): AsyncGenerator<number> {
      yield 1;
      await Promise.reject(error);
    }
    await expect(pool.map("increment", later())).rejects.toBe(error);
    expect(await pool.map("increment", [1])).toEqual([2]);
  });

  test("which throws something other than an error, fails the call with that", async () => {
    const pool = shared();
    // oxlint-disable-next-line require-yield
    function* input(): Generator<number> {
      throw undefined;
    }
    await expect(pool.map("increment", input())).rejects.toBe(undefined);
  });

  test("is told when it is not read to its end", async () => {
    const pool = shared();
    let closed = false;
    function* input(): Generator<[number, number]> {
      try {
        yield [1, 2];
        yield 3 as never;
      } finally {
        closed = true;
      }
    }
    await expect(pool.starmap("add", input())).rejects.toMatchObject({
      code: "INVALID_OPTION",
      message: expect.stringContaining("got 3 at index 1"),
    });
    expect(closed).toBe(true);
  });
});

describe("two producers on one queue", () => {
  test("do not disturb each other, and terminate() leaves the other's maps alone", async () => {
    const stage = new Stage(redis());
    await stage.machine({ processes: 2 });
    const [one, two, three] = [stage.pool(), stage.pool(), stage.pool()];
    const items = Array.from({ length: 2_000 }, (_, index) => index);
    const ended = three.map("increment", items);
    const results = Promise.all([
      one.map("increment", items),
      two.starmap(
        "add",
        items.map((x) => [x, x] as const),
      ),
    ]);
    await three.terminate();
    await expect(ended).rejects.toMatchObject({ code: "CANCELLED" });
    const [incremented, doubled] = await results;
    expect(incremented.join() === items.map((x) => x + 1).join()).toBe(true);
    expect(doubled.join() === items.map((x) => x * 2).join()).toBe(true);
  });
});

describe("worker machines", () => {
  test("one that starts after the map finishes the map", async () => {
    const stage = new Stage(redis());
    const result = stage.pool().map("increment", [1, 2, 3]);
    // The jobs are in Redis before anybody could take them.
    await expect.poll(() => redis().admin.llen(stage.keys.job("wait"))).toBe(3);
    await stage.machine();
    expect(await result).toEqual([2, 3, 4]);
  });
});
