/** What the program around a pool does, and what must not come of it. */

import { expect, test } from "vitest";

import { block } from "../fixtures/block.ts";
import { onBothPools } from "../support/both-pools.ts";
import { Marks, rejection } from "../support/stage.ts";

const fixture = (name: string): URL => new URL(`../fixtures/${name}.ts`, import.meta.url);

onBothPools(({ own }) => {
  test("a program that computes for long charges nothing, loses nothing and runs nothing twice", async () => {
    const marks = new Marks();
    const pool = own({ workers: 2, workerLossAttempts: 1 });
    marks.open();
    await pool.ready(2);
    const calls = Array.from({ length: 60 }, (_, i) => ({
      log: marks.log,
      gate: marks.gate,
      say: String(i),
    }));
    const results = pool.map("gated", calls, { taskTimeoutMs: 1_000 });
    await marks.started(5);
    block(2_500);
    expect(await results).toEqual(calls.map(({ say }) => say));
    expect(marks.lines.toSorted()).toEqual(calls.map(({ say }) => say).toSorted());
    expect(results.insights()).toMatchObject({ losses: 0, retries: 0 });
  });

  test("a program that computes while its workers start does not give them up", async () => {
    const pool = own({ workers: 1, startTimeoutMs: 2_000 });
    const results = pool.map("increment", [1]);
    await new Promise((resolve) => setTimeout(resolve, 20));
    block(2_500);
    expect(await results).toEqual([2]);
  });

  test("a pool that is made while its tasks load in a worker is refused, with the place and the remedy", async () => {
    const error = await rejection(own({ workers: 2, tasks: fixture("bomb-tasks") }).map("increment", [1]));
    expect(error).toMatchObject({
      code: "TASKS_MODULE",
      phase: "load",
      message: expect.stringMatching(
        /bomb-pool\.ts:\d+:\d+.* Make the pool where only the program itself runs/s,
      ),
    });
  });

  test("a pool that an initializer makes of its own module is refused too", async () => {
    const error = await rejection(own({ tasks: fixture("bomb-initializer") }).map("increment", [1]));
    expect(error).toMatchObject({
      code: "TASKS_MODULE",
      phase: "initializer",
      message: expect.stringContaining("by the initializer of the tasks module"),
    });
  });

  test("a task can make pools of its own", async () => {
    expect(await own({ tasks: fixture("pool-in-task") }).map("increment", [1])).toEqual([2]);
  });
});
