/** The calls of a pool by task: `pool.tasks.increment.map(items)`. */

import { TaskNotRegisteredError } from "@poolmq/producer";
import { expect, test } from "vitest";

import { collect } from "../support/collect.ts";
import { onBothPools } from "../support/both-pools.ts";
import { rejection } from "../support/stage.ts";

onBothPools(({ shared }) => {
  test("each call of a pool is there for each task, and does the same", async () => {
    const { increment, echoLater } = shared().tasks;
    expect(await increment.map([1, 2], { chunksize: 2 })).toEqual([2, 3]);
    expect(await increment.starmap([[1], [2]])).toEqual([2, 3]);
    expect(await increment.apply([1])).toBe(2);
    expect(await collect(increment.imap([1, 2]))).toEqual([2, 3]);
    expect(new Set(await collect(increment.imapUnordered([1, 2])))).toEqual(new Set([2, 3]));
    expect(await collect(echoLater.istarmap([[1, "a"]]))).toEqual(["a"]);
    expect(await collect(echoLater.istarmapUnordered([[1, "a"]]))).toEqual(["a"]);
  });

  test("a task that no worker has is refused as it is by name", async () => {
    const { tasks } = shared();
    const { incremnt } = tasks as unknown as Record<string, typeof tasks.increment>;
    const error = (await rejection(incremnt?.map([1]) ?? Promise.resolve())) as Error;
    expect(error).toBeInstanceOf(TaskNotRegisteredError);
    expect(error.message).toContain("increment");
  });

  test("an error shows the caller's line, and the tasks can be awaited and printed without harm", async () => {
    const { tasks } = shared();
    const error = (await rejection(tasks.failAtOdd.map([1]))) as Error;
    expect(error.stack).toMatch(/called by the producer: map\(\) ---\n.*behaviours\/task-doors\.test\.ts/);
    expect(await Promise.resolve(tasks)).toBe(tasks);
  });
});
