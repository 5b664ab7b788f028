import { describe, expect, test } from "vitest";

import { onBothPools } from "../support/both-pools.ts";
import { Marks, rejection } from "../support/stage.ts";

const fixture = (name: string): URL => new URL(`../fixtures/${name}.ts`, import.meta.url);

onBothPools(({ kind, shared, own }) => {
  describe("taskContext()", () => {
    test("tells of the item, also after an await, and of its chunk's neighbours apart", async () => {
      const call = shared().map("context", [7, 8, 9], { chunksize: 2 });
      expect(await call).toEqual(
        [0, 1, 2].map((index) => ({ mapId: call.id, index, attempt: 1, aborted: false, logs: "function" })),
      );
    });

    test("is kept apart where one worker runs several items at a time", async () => {
      const pool = own({ concurrency: 4 });
      const contexts = await pool.map("context", [0, 1, 2, 3, 4, 5]);
      expect(contexts.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4, 5]);
    });

    test("progress() reaches onTaskProgress while the task runs", async () => {
      const marks = new Marks();
      const { promise, resolve } = Promise.withResolvers<[unknown, number]>();
      const { log, gate } = marks;
      const items = [
        { log, gate: log },
        { log, gate },
      ];
      const call = shared().map("reports", items, {
        onTaskProgress: (value, index) => {
          if (index === 1) resolve([value, index]);
        },
      });
      expect(await promise).toEqual([{ half: true }, 1]);
      expect(call.ready()).toBe(false);
      marks.open();
      expect(await call).toHaveLength(2);
    });
  });

  describe("share()", () => {
    test("sends a value that is any argument of any item, and one object in each worker", async () => {
      const pool = own();
      const model = await pool.share({ weights: Array.from({ length: 1_000 }, (_, index) => index) });
      const seen = await pool.starmap("seesShared", [
        [model as never, 0],
        [model as never, 1],
        [model as never, 2],
      ]);
      expect(seen).toEqual([
        [0, 1_000, false],
        [1, 1_000, true],
        [2, 1_000, true],
      ]);
      // Two jobs, whatever the chunksize: which of them runs first is not promised.
      const mixed = await pool.starmap(
        "seesShared",
        [
          [model as never, 3],
          [{ weights: [1] }, 4],
        ],
        { chunksize: 2 },
      );
      expect(mixed.map((seenBy) => (seenBy as unknown[]).slice(0, 2))).toEqual([
        [3, 1_000],
        [4, 1],
      ]);
    });

    test("refuses what can't be sent", async () => {
      expect(await rejection(shared().share({ fn: () => 1 }))).toMatchObject({
        code: "SERIALIZATION",
        path: ".fn",
      });
    });
  });

  describe("hooks of the tasks module", () => {
    test("initializer() has run once in each worker before any task", async () => {
      const pool = own({ workers: 2, tasks: fixture("hooked") });
      expect(await pool.map("increment", [1, 2, 3, 4])).toEqual([1, 1, 1, 1]);
      expect(await rejection(pool.map("initializer" as "increment", [1]))).toMatchObject({
        code: "TASK_NOT_REGISTERED",
      });
    });

    test.for([
      ["initializer-fails", "initializer", "no licence"],
      ["does-not-parse", "load", "it does not parse"],
      ["no-tasks", "load", "at least one function"],
      ["not-there", "load", "not-there"],
      ["exits-on-import", "exit", "exit code 3"],
    ] as const)("%s: calls reject with a TasksModuleError that says so", async ([name, phase, message]) => {
      const pool = own({ workers: 2, tasks: fixture(name) });
      const error = {
        code: "TASKS_MODULE",
        message: expect.stringContaining(message),
        ...(kind === "Pool" && phase === "exit" ? {} : { phase }),
      };
      expect(await rejection(pool.map("increment", [1]))).toMatchObject(error);
      expect(await rejection(pool.imap("increment", [1]).next())).toMatchObject(error);
      expect(await rejection(pool.ready())).toMatchObject(error);
      await pool[Symbol.asyncDispose]();
    });
  });
});
