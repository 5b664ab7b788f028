/** Checked by the type checker (`tsc -b`): a wrong call must not compile, a right one must, with the right result. */

import { Pool, type MapResult, type UntypedTasks } from "@poolmq/producer";
import { expectTypeOf, test } from "vitest";

import * as tasks from "../fixtures/typed-tasks.ts";

type Tasks = typeof tasks;

/** Calls in it are looked at by the type checker only. */
function typesOnly(_calls: (pool: Pool<Tasks>) => void): void {}

test("results flow from the task, without their promise", () => {
  typesOnly((pool) => {
    expectTypeOf(pool.map("increment", [1])).toEqualTypeOf<MapResult<number>>();
    expectTypeOf(pool.map("slowly", ["a"])).toEqualTypeOf<MapResult<{ readonly length: number }>>();
    expectTypeOf(pool.map("now", [undefined])).toEqualTypeOf<MapResult<Date>>();
    expectTypeOf(pool.starmap("add", [[1, 2]])).toEqualTypeOf<MapResult<number>>();
    expectTypeOf(pool.map("list", [[1]])).toEqualTypeOf<MapResult<readonly number[]>>();
    expectTypeOf<Awaited<MapResult<Date>>>().toEqualTypeOf<Date[]>();
  });
});

test("map takes any iterable of the argument", () => {
  typesOnly((pool) => {
    const readonly: readonly number[] = [1];
    expectTypeOf(pool.map("increment", readonly)).toEqualTypeOf<MapResult<number>>();
    expectTypeOf(pool.map("increment", [1, 2] as const)).toEqualTypeOf<MapResult<number>>();
    expectTypeOf(pool.map("increment", new Set([1]))).toEqualTypeOf<MapResult<number>>();
    expectTypeOf(pool.map("increment", Float64Array.of(1))).toEqualTypeOf<MapResult<number>>();
    const later = async function* (): AsyncGenerator<number> {
      yield await Promise.resolve(1);
    };
    expectTypeOf(pool.map("increment", later())).toEqualTypeOf<MapResult<number>>();
    expectTypeOf(pool.map("arrow", [{ id: "a" }])).toEqualTypeOf<MapResult<string>>();
    expectTypeOf(pool.map("scale", [1])).toEqualTypeOf<MapResult<number>>();
    expectTypeOf(pool.map("greet", ["x"])).toEqualTypeOf<MapResult<string>>();
    expectTypeOf(pool.map("count", [1])).toEqualTypeOf<MapResult<number>>();
  });
});

test("starmap takes tuples, with optional and rest arguments", () => {
  typesOnly((pool) => {
    const readonly: readonly (readonly [number, number])[] = [[1, 2]];
    expectTypeOf(pool.starmap("add", readonly)).toEqualTypeOf<MapResult<number>>();
    expectTypeOf(
      pool.starmap("add", [
        [1, 2],
        [3, 4],
      ] as const),
    ).toEqualTypeOf<MapResult<number>>();
    expectTypeOf(pool.starmap("add", new Map([[1, 2]]))).toEqualTypeOf<MapResult<number>>();
    expectTypeOf(pool.starmap("scale", [[1], [1, 2]])).toEqualTypeOf<MapResult<number>>();
    expectTypeOf(pool.starmap("greet", [["a"], ["a", "b"]])).toEqualTypeOf<MapResult<string>>();
    expectTypeOf(pool.starmap("count", [[], [1], [1, 2, 3]])).toEqualTypeOf<MapResult<number>>();
    expectTypeOf(pool.starmap("now", [[]])).toEqualTypeOf<MapResult<Date>>();
  });
});

test("a wrong name does not compile", () => {
  typesOnly((pool) => {
    // @ts-expect-error misspelled
    void pool.map("incremnt", [1]);
    // @ts-expect-error misspelled
    void pool.starmap("ad", [[1, 2]]);
    // @ts-expect-error no function
    void pool.map("notAFunction", [1]);
    // @ts-expect-error a class is no task
    void pool.map("NotATask", [1]);
    // @ts-expect-error runs once per process, and is no task
    void pool.map("initializer", [undefined]);
    // @ts-expect-error runs once per process, and is no task
    void pool.starmap("finalizer", [[]]);
    // @ts-expect-error only a task's name
    void pool.map("toString", [1]);
  });
});

test("a wrong argument does not compile", () => {
  typesOnly((pool) => {
    // @ts-expect-error text in place of a number
    void pool.map("increment", ["1"]);
    // @ts-expect-error one of them is text
    void pool.map("increment", [1, "2"]);
    // @ts-expect-error not iterable
    void pool.map("increment", 5);
    // @ts-expect-error undefined in place of a number
    void pool.map("increment", [undefined]);
    // @ts-expect-error a promise is not waited for
    void pool.map("increment", [Promise.resolve(1)]);
    // @ts-expect-error a key is missing
    void pool.map("arrow", [{}]);
    // @ts-expect-error takes no argument
    void pool.map("now", [1]);
  });
});

test("map with a function of two required arguments does not compile", () => {
  typesOnly((pool) => {
    // @ts-expect-error needs starmap
    void pool.map("add", [1]);
    // @ts-expect-error needs starmap
    void pool.map("add", [[1, 2]]);
  });
});

test("starmap with a wrong tuple does not compile", () => {
  typesOnly((pool) => {
    // @ts-expect-error too few
    void pool.starmap("add", [[1]]);
    // @ts-expect-error too many
    void pool.starmap("add", [[1, 2, 3]]);
    // @ts-expect-error a wrong type
    void pool.starmap("add", [[1, "2"]]);
    // @ts-expect-error no tuple
    void pool.starmap("add", [1, 2]);
    const lists: number[][] = [[1, 2]];
    // @ts-expect-error of unknown length
    void pool.starmap("add", lists);
  });
});

test("options that do not exist do not compile", () => {
  typesOnly((pool) => {
    void pool.map("increment", [1], { chunksize: 2 });
    // @ts-expect-error misspelled
    void pool.map("increment", [1], { chunkSize: 2 });
    // @ts-expect-error text in place of a number
    void pool.map("increment", [1], { chunksize: "2" });
  });
});

test("the function is taken in place of its name, with its types", () => {
  typesOnly((pool) => {
    expectTypeOf(pool.map(tasks.increment, [1])).toEqualTypeOf<MapResult<number>>();
    expectTypeOf(pool.map(tasks.slowly, ["a"])).toEqualTypeOf<MapResult<{ readonly length: number }>>();
    expectTypeOf(pool.starmap(tasks.add, [[1, 2]])).toEqualTypeOf<MapResult<number>>();
    // @ts-expect-error text in place of a number
    void pool.map(tasks.increment, ["a"]);
    // @ts-expect-error needs starmap
    void pool.map(tasks.add, [1]);
  });
});

test("generic functions give what can be known, overloaded ones their last form", () => {
  typesOnly((pool) => {
    expectTypeOf(pool.map("identity", [1, "a"])).toEqualTypeOf<MapResult<unknown>>();
    expectTypeOf(pool.map("parse", [new Uint8Array(1)])).toEqualTypeOf<MapResult<string>>();
  });
});

test("the type of the tasks is inferred from the module itself", () => {
  typesOnly(() => {
    const pool = new Pool({ tasks });
    expectTypeOf(pool).toEqualTypeOf<Pool<Tasks>>();
    expectTypeOf(pool.map("increment", [1])).toEqualTypeOf<MapResult<number>>();
    // @ts-expect-error misspelled
    void pool.map("incremnt", [1]);
  });
});

test("a pool whose tasks are not known takes every name and argument", () => {
  typesOnly(() => {
    const url = new URL("./tasks.ts", import.meta.url);
    expectTypeOf(new Pool()).toEqualTypeOf<Pool<UntypedTasks>>();
    expectTypeOf(new Pool({ connection: "redis://cache" }).map("f", [1])).toEqualTypeOf<MapResult<unknown>>();
    expectTypeOf(new Pool({ tasks: url }).map("f", [1, "a"])).toEqualTypeOf<MapResult<unknown>>();
    expectTypeOf(new Pool({ tasks: "./tasks.ts" }).starmap("f", [[1, 2], []])).toEqualTypeOf<
      MapResult<unknown>
    >();
  });
});

test("options of a pool that do not exist do not compile", () => {
  typesOnly(() => {
    // @ts-expect-error misspelled
    void new Pool<Tasks>({ proceses: 2 });
    // @ts-expect-error text in place of a number
    void new Pool<Tasks>({ processes: "2" });
    void new Pool<Tasks>({ processes: undefined, connection: undefined });
  });
});
