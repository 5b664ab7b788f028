/** A `ThreadPool` without threads: the tasks run in the program's own thread and event loop. */

import { ThreadPool } from "@poolmq/producer";
import type { ThreadPoolOptions } from "@poolmq/producer";
import { expect, onTestFinished, test, vi } from "vitest";

import * as tasks from "../fixtures/behaviours.ts";
import { BEHAVIOURS } from "../support/both-pools.ts";
import { Program } from "../support/processes.ts";
import { Marks, rejection } from "../support/stage.ts";

function inProcess(options: Partial<ThreadPoolOptions> = {}): ThreadPool<typeof tasks> {
  const pool = new ThreadPool<typeof tasks>({ tasks: BEHAVIOURS, threads: 0, ...options });
  onTestFinished(() => pool.terminate());
  return pool;
}

test("calls give what they give elsewhere, and values are copies", async () => {
  const pool = inProcess();
  const value = { deep: [new Date(0), new Map([[1, 2]]), new Float64Array(1_000)] };
  const [echoed] = await pool.map("echo", [value]);
  expect(echoed).toEqual(value);
  expect(echoed).not.toBe(value);
  expect(await pool.starmap("add", [[1, 2]], { chunksize: "auto" })).toEqual([3]);
  expect(await pool.apply("increment", [1])).toBe(2);
  expect(await pool.mapReduce("increment", [1, 2, 3], tasks.add, { chunksize: 2 })).toBe(9);
  const model = await pool.share({ weights: [1, 2] });
  expect(await pool.starmap("seesShared", [[model, 0]])).toMatchObject([[0, 2, expect.any(Boolean)]]);
  expect(await rejection(pool.map("evenOnly", [1]))).toMatchObject({
    name: "OddError",
    remote: { task: "evenOnly", pid: process.pid },
  });
  await pool[Symbol.asyncDispose]();
});

test("an imported module is as good as its path: mocks in it hold", async () => {
  const spied = { ...tasks, increment: vi.fn((x: number) => x + 100) };
  const pool = inProcess({ tasks: spied });
  expect(await pool.map("increment", [1, 2])).toEqual([101, 102]);
  expect(spied.increment).toHaveBeenCalledTimes(2);
});

test("an async function is stopped by its time limit, or given up, and the next one runs", async () => {
  const marks = new Marks();
  const pool = inProcess();
  expect(await rejection(pool.map("heedsItsSignal", [marks.log], { taskTimeoutMs: 30 }))).toMatchObject({
    code: "TASK_TIMEOUT",
  });
  expect(marks.lines).toEqual(["started", "AbortError"]);
  expect(await rejection(pool.map("impatient", [undefined]))).toMatchObject({ code: "TASK_TIMEOUT" });
  expect(await pool.map("increment", [1])).toEqual([2]);
});

test("retries, cancel and progress work", async () => {
  const [failing, running] = [new Marks(), new Marks()];
  const pool = inProcess({ concurrency: 2 });
  expect(await pool.map("failsUntil", [{ log: failing.log, runs: 3 }], { attempts: 3 })).toEqual([3]);
  const said: unknown[] = [];
  const call = pool.map("reports", [{ log: running.log, gate: running.gate }], {
    onTaskProgress: (value) => said.push(value),
  });
  await running.started(1);
  expect(said).toEqual([{ half: true }]);
  call.cancel();
  expect(await rejection(call)).toMatchObject({ code: "CANCELLED" });
});

test("what fails at the start is the call's error", async () => {
  const pool = inProcess({ tasks: new URL("../fixtures/initializer-fails.ts", import.meta.url) });
  expect(await rejection(pool.map("increment", [1]))).toMatchObject({
    code: "TASKS_MODULE",
    phase: "initializer",
  });
  expect(await rejection(inProcess({ tasks: {} }).map("increment", [1]))).toMatchObject({
    code: "TASKS_MODULE",
  });
});

test("a program with one ends by itself", async () => {
  await using program = Program.source(`
    import { ThreadPool } from "@poolmq/producer";
    const pool = new ThreadPool({ tasks: { double: (x) => 2 * x }, threads: 0 });
    console.log(await pool.map("double", [1, 2, 3]));
  `);
  expect(await program.exited).toMatchObject({ code: 0 });
  expect(program.output).toBe("[ 2, 4, 6 ]\n");
});
