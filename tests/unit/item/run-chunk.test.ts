/** Items of a chunk that take turns in one async context: what they come to, and what they leave behind, is their own. */

import { AsyncLocalStorage, AsyncResource } from "node:async_hooks";
import { readFile } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";

import { readOutcomes } from "@poolmq/producer/internal";
import type { Settled } from "@poolmq/producer/internal";
import { encodeArguments } from "@poolmq/shared/internal";
import { taskContext } from "@poolmq/worker";
import { runChunk } from "@poolmq/worker/internal";
import type { TaskContext } from "@poolmq/worker/internal";
import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { chunkRun } from "../../support/chunk-run.ts";
import { cloneable } from "../../support/cloneable.ts";

/** Enough that they take turns. */
const MANY = 40;

type Task = (...args: unknown[]) => unknown;

/** Runs the function with the numbers from `at` on, as one job. Gives what became of each item. */
async function runMany(fn: Task, { at = 0, n = MANY, values = numbers(n) } = {}): Promise<Settled[]> {
  const { text } = await runChunk(
    chunkRun({ fn, at, n, args: encodeArguments("one", values, {}) }),
    undefined,
  );
  return readOutcomes({ at, n }, text, { classes: undefined, callSite: () => undefined });
}

function numbers(n: number): number[] {
  return Array.from({ length: n }, (_, i) => i);
}

/** The same after the first run of a function, which shows that it is synchronous. */
async function runWarm(fn: Task): Promise<Settled[]> {
  await runMany(fn, { n: 1, values: [-1] });
  return await runMany(fn, { at: 100 });
}

const old = Promise.resolve();

/** Ways to leave something behind that calls `then` later. */
const LEAVING: Readonly<Record<string, (then: () => void) => unknown>> = {
  "a timer": (then) => void setTimeout(then, 1),
  "an interval": (then) => {
    const timer = setInterval(() => {
      clearInterval(timer);
      then();
    }, 1);
  },
  "an immediate": (then) => void setImmediate(then),
  "a tick": (then) => process.nextTick(then),
  "a microtask": (then) => queueMicrotask(then),
  "a reaction to an older promise": (then) => void old.then(then),
  "an async function": (then) =>
    void (async () => {
      await old;
      then();
    })(),
  "an async generator": (then) =>
    void (async function* () {
      await old;
      yield then();
    })().next(),
  "a read of a file": (then) => readFile(import.meta.filename, then),
  "an imported module": (then) => void import("node:os").then(then),
  "a thenable that a new promise takes up": (then) =>
    Promise.withResolvers<unknown>().resolve({ then: () => then() }),
  "a bound function": (then) => void later.push(AsyncResource.bind(then)),
  "a snapshot": (then) => {
    const inContext = AsyncLocalStorage.snapshot();
    later.push(() => inContext(then));
  },
};

/** Functions that are called from outside any item. */
const later: (() => void)[] = [];

describe.for(Object.entries(LEAVING))("%s", ([, leave]) => {
  test.for([
    ["each item leaves one", 1],
    ["each seventh item leaves one", 7],
    ["only the last item leaves one", MANY],
  ] as const)("belongs to the item that left it behind: %s", async ([, every]) => {
    const told: [item: unknown, index: number][] = [];
    await runWarm((item) => {
      const isLeaving = item !== -1 && (Number(item) + 1) % every === 0;
      if (isLeaving) leave(() => told.push([item, taskContext().index]));
      return isLeaving;
    });
    for (const call of later.splice(0)) call();
    const leaving = numbers(MANY).filter((item) => (item + 1) % every === 0);
    const expected = leaving.map((item) => [item, 100 + item]);
    await expect.poll(() => told.toSorted(([a], [b]) => Number(a) - Number(b))).toEqual(expected);
  });
});

test("each item sees itself, whether it asks at once or after others", async () => {
  const kept: TaskContext[] = [];
  const settled = await runWarm((item) => {
    kept.push(taskContext());
    return [item, taskContext().index, taskContext() === kept.at(-1)];
  });
  expect(settled.map((item) => item.ok && item.value)).toEqual(numbers(MANY).map((i) => [i, 100 + i, true]));
  expect(kept.slice(1).map(({ index }) => index)).toEqual(numbers(MANY).map((i) => 100 + i));
});

test("outside of a turn, nobody is told an item", async () => {
  await runWarm((item) => item);
  expect(() => taskContext()).toThrow("outside of a task");
});

test("what an item returns is waited for, wherever in the chunk it begins to be a promise", async () => {
  const order: unknown[] = [];
  const settled = await runWarm((item) => {
    order.push(item);
    if (Number(item) < 20 || Number(item) > 25) return item;
    return delay(1).then(() => {
      order.push(`${String(item)} ended`);
      if (item === 22) throw new RangeError("22");
      return [item, taskContext().index];
    });
  });
  const values = numbers(MANY).map((i): unknown => (i < 20 || i > 25 ? i : [i, 100 + i]));
  expect(settled.map((item) => (item.ok ? item.value : "failed"))).toEqual(values.with(22, "failed"));
  // One after the other, as ever.
  expect(order.slice(21, 26)).toEqual([20, "20 ended", 21, "21 ended", 22]);
});

test("a thenable is asked for its `then` once, and settles the item", async () => {
  let reads = 0;
  const settled = await runWarm((item) => ({
    get then() {
      reads++;
      if (item === 3) throw new RangeError("no then");
      return (resolve: (value: unknown) => void, reject: (error: unknown) => void) =>
        item === 5 ? reject(new TypeError("5")) : resolve(item);
    },
  }));
  expect(reads).toBe(MANY + 1);
  expect(settled.map((item) => (item.ok ? item.value : (item.error as Error).name))).toEqual(
    numbers(MANY)
      .map((i): unknown => i)
      .with(3, "RangeError")
      .with(5, "TypeError"),
  );
});

test("an item that throws is that item's failure, and its stack ends where its function does", async () => {
  const settled = await runWarm(function sevenFails(item) {
    if (item === 7) throw new RangeError("seven");
    return item;
  });
  expect(settled.filter(({ ok }) => !ok)).toHaveLength(1);
  expect(settled[7]).toMatchObject({ ok: false, error: { name: "RangeError", remote: { index: 107 } } });
  const { error } = settled[7] as { error: Error };
  expect(error.stack).toContain("sevenFails");
  expect(error.stack).not.toMatch(/run-item|leftovers|task-context/);
});

test("a chunk comes to what its items come to one by one", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(cloneable, fc.constantFrom("return", "throw", "promise", "timer")), {
        minLength: 16,
        maxLength: 24,
      }),
      async (items) => {
        const task: Task = (place) => {
          const [value, how] = items[Number(place)] ?? [];
          if (how === "throw") throw value;
          if (how === "timer") setImmediate(() => {});
          return how === "promise" ? old.then(() => value) : value;
        };
        const n = items.length;
        await runMany(() => 1, { n: 1 });
        const together = await runMany(task, { n });
        const apart: Settled[] = [];
        for (const place of numbers(n)) {
          apart.push(...(await runMany(task, { at: place, n: 1, values: [place] })));
        }
        for (const [place, item] of together.entries()) {
          const alone = apart[place];
          expect(item.ok).toBe(alone?.ok);
          if (item.ok && alone?.ok === true) expect(isDeepStrictEqual(item.value, alone.value)).toBe(true);
        }
      },
    ),
    { numRuns: 100 },
  );
});
