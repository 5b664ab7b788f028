/** A function that no worker has, given in place of a task: it must not run another one that has its name. */

import { InvalidOptionError, Pool } from "@poolmq/producer";
import { expect, onTestFinished, test } from "vitest";

import * as tasks from "../fixtures/behaviours.ts";
import { BEHAVIOURS, onBothPools } from "../support/both-pools.ts";
import { rejection } from "../support/stage.ts";

/** Of the same name and type as a task of the module, as a caller may have one. */
const increment = (x: number): number => x * 1_000;

/** One without a name. */
const nameless: (x: number) => number = (
  () => (x: number) =>
    x + 1
)();

/** As a minifier names it. */
const minified = { a: (x: number): number => x + 1 }.a;

class Increment {
  static increment(x: number): number {
    return x + 1;
  }
}

const MODULE = BEHAVIOURS.pathname;

/** What the compiler takes for a task, because functions are compared by their types. */
type Task = typeof tasks.increment;

const WRONG: readonly (readonly [what: string, task: unknown, message: string])[] = [
  [
    "one of a task's name",
    increment,
    `map() was given an arrow function \`increment\` that is not the one which ${MODULE} exports by that name: write map("increment", …) to run the one there, or export this one there too`,
  ],
  [
    "an arrow function without a name",
    nameless,
    `map() was given an arrow function without a name that ${MODULE} does not export, so that no worker has it: write \`export function yourTask(…) { … }\` there, and map("yourTask", …) here`,
  ],
  [
    "one with a name that a minifier made",
    minified,
    `map() was given an arrow function \`a\` that ${MODULE} does not export, so that no worker has it: write \`export function a(…) { … }\` there, and map("a", …) here`,
  ],
  [
    "a bound task",
    tasks.increment.bind(undefined),
    `map() was given a bound function \`increment\` that is not the one which ${MODULE} exports by that name: write map("increment", …) to run the one there, or export this one there too`,
  ],
  ["a static method", Increment.increment.bind(Increment), `map() was given a bound function \`increment\``],
  ["a class", class Point {}, "map() was given a class `Point`"],
  [
    "a method",
    {
      norm: (x: number) => x,
      increment(x: number) {
        return x;
      },
    }.increment,
    "map() was given a method `increment`",
  ],
];

onBothPools(({ shared }) => {
  test.each(WRONG)("is refused, with the line to write: %s", async (_, task, message) => {
    const error = await rejection(shared().map(task as Task, [1]));
    expect(error).toBeInstanceOf(InvalidOptionError);
    expect((error as Error).message).toContain(message);
  });

  test("the task itself runs, under whatever name it was imported", async () => {
    const { increment: renamed } = tasks;
    expect(await shared().map(renamed, [1])).toEqual([2]);
  });
});

test("a pool that knows no tasks module takes names only", async () => {
  const pool = new Pool<typeof tasks>({ connection: "redis://127.0.0.1:1" });
  onTestFinished(() => pool.terminate());
  const error = await rejection(pool.map(tasks.increment, [1]));
  expect((error as Error).message).toBe(
    "map() was given a function `increment`, and this pool can't tell which task of its workers that is: " +
      'write map("increment", …), or give the pool `tasks`',
  );
});
