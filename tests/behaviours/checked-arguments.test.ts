/** Arguments that are checked where they come in: `defineTask(fn, { input })`. */

import { ThreadPool, Pool } from "@poolmq/producer";
import { defineTask, InvalidArgumentsError } from "@poolmq/worker";
import { describe, expect, onTestFinished, test } from "vitest";

import type * as tasks from "../fixtures/checked-tasks.ts";
import { rejection } from "../support/stage.ts";

const MODULE = new URL("../fixtures/checked-tasks.ts", import.meta.url);

/** What a producer of another release may send, which compiled then. */
const wrong = <V>(value: unknown): V => value as V;

interface Refused extends Error {
  readonly code: string;
  readonly issues: readonly { readonly path: string; readonly message: string }[];
  readonly remote: { readonly index: number; readonly attempt: number };
}

describe.each(["Pool", "ThreadPool"])("%s", (kind) => {
  function makePool(): Pool<typeof tasks> | ThreadPool<typeof tasks> {
    const pool =
      kind === "Pool"
        ? new Pool<typeof tasks>({ tasks: MODULE, processes: 1, connection: "memory" })
        : new ThreadPool<typeof tasks>({ tasks: MODULE, threads: 1 });
    onTestFinished(() => pool.terminate());
    return pool;
  }

  test("the function gets what the schema makes of its argument", async () => {
    const pool = makePool();
    expect(await pool.map("greet", [wrong({ name: "Ada" }), { name: "Bo", greeting: "Ho" }])).toEqual([
      "Hi Ada",
      "Ho Bo",
    ]);
    expect(await pool.map("later", ["four"])).toEqual([4]);
  });

  test("each argument has its schema in a list, and one that is left out has its default", async () => {
    const pool = makePool();
    expect(await pool.starmap("scale", [[2], [2, 3]])).toEqual([4, 6]);
    const error = (await rejection(pool.starmap("scale", [[1.5, wrong<number>("a")]]))) as Refused;
    expect(error.issues.map(({ path }) => path)).toEqual(["[0]", "[1]"]);
  });

  test("an item with wrong arguments ends in an error that says what and where; the others run", async () => {
    const handle = makePool().map("greet", [
      { name: "Ada", greeting: "Hi" },
      wrong({ name: 5, greeting: "" }),
    ]);
    const [first, second] = await handle.settled();
    expect(first).toEqual({ status: "fulfilled", value: "Hi Ada" });
    const error = (second as PromiseRejectedResult).reason as Refused;
    expect(error).toMatchObject({
      name: "InvalidArgumentsError",
      code: "INVALID_ARGUMENTS",
      issues: [{ path: "[0].name", message: expect.stringContaining("string") }],
    });
    expect(error.message).toMatch(/^The arguments of .+ are not what its definition says: \[0\]\.name: /);
    expect(error.remote.index).toBe(1);
  });

  test("wrong arguments are not tried again, whatever the definition says of errors", async () => {
    const pool = makePool();
    const error = (await rejection(pool.map("counted", [wrong<number>("x")]))) as Refused;
    expect(error.remote.attempt).toBe(1);
    expect(await pool.apply("callsOfCounted", [])).toBe(0);
    expect(((await rejection(pool.map("later", ["no"]))) as Refused).remote.attempt).toBe(1);
  });
});

test("a task checks its arguments for whoever calls it in their own process, too", () => {
  const schema = {
    "~standard": {
      version: 1 as const,
      vendor: "test",
      validate: (value: unknown) =>
        value === 1 ? { value: 2 } : { issues: [{ message: "not one", path: ["a", { key: 0 }] }] },
    },
  };
  function double(x: number): number {
    return x * 2;
  }
  const task = defineTask(double, { input: schema });
  expect(task(1)).toBe(4);
  expect(() => task(3)).toThrow(InvalidArgumentsError);
  expect(() => task(3)).toThrow("The arguments of double are not what its definition says: [0].a.0: not one");
  expect([task.name, task.length]).toEqual(["double", 1]);
});
