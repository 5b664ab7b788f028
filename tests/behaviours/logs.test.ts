import type { TaskLog } from "@poolmq/producer";
import { pino } from "pino";
import { describe, expect, test } from "vitest";

import { onBothPools } from "../support/both-pools.ts";
import { rejection } from "../support/stage.ts";

onBothPools(({ shared, own, kind }) => {
  describe("onLog", () => {
    test.each([1, 2])(
      "gets what each item prints and logs, before its outcome (chunks of %i)",
      async (chunksize) => {
        const logs: TaskLog[] = [];
        const early: number[] = [];
        const call = shared().map("speaks", [5, 6, 7], {
          chunksize,
          onLog: (log) => logs.push(log),
          onResult: (_, index) => early.push(logs.filter((log) => log.index === index).length),
        });
        expect(await call).toEqual([5, 6, 7]);
        expect(early).toEqual([6, 6, 6]);
        for (const [index, x] of [5, 6, 7].entries()) {
          const said = logs.filter((log) => log.index === index);
          const by = { index, attempt: 1, worker: expect.any(String), pid: expect.any(Number) };
          expect(said).toEqual([
            { ...by, from: "stdout", level: 30, message: `prints ${x}`, fields: {} },
            { ...by, from: "stderr", level: 40, message: `warns ${x}`, fields: {} },
            { ...by, from: "stderr", level: 40, message: "  of two lines", fields: {} },
            { ...by, from: "log", level: 30, message: "logs", fields: { size: x } },
            {
              ...by,
              from: "log",
              level: 50,
              message: "fails",
              fields: { err: expect.objectContaining({ type: "RangeError", message: `${x} is too large` }) },
            },
            { ...by, from: "stdout", level: 30, message: "without an end", fields: {} },
          ]);
        }
        expect(logs).toHaveLength(18);
      },
    );

    test("gets the first lines of an item, and how many more there were", async () => {
      const logs: TaskLog[] = [];
      await shared().map("chats", [103, 1], { onLog: (log) => logs.push(log) });
      const said = logs.filter(({ index }) => index === 0).map(({ message }) => message);
      expect(said).toHaveLength(101);
      expect(said[99]).toBe("line 99");
      expect(said[100]).toBe("3 more lines of this item are not shown");
      expect(logs.filter(({ index }) => index === 1)).toHaveLength(1);
      expect(logs.find(({ from }) => from === "poolmq")).toMatchObject({
        level: 40,
        fields: { dropped: 3 },
      });
    });

    test("gets the last words of a process or thread that dies, once for each attempt", async () => {
      const logs: TaskLog[] = [];
      const pool = own({ workerLossAttempts: 2 });
      const call = pool.apply("lastWords", [], { onLog: (log) => logs.push(log) });
      expect(await rejection(call)).toMatchObject({ code: "WORKER_LOST" });
      expect(logs.map(({ message }) => message)).toEqual(["last words", "last words"]);
    });

    test("may throw, or reject, and harms nothing", async () => {
      const call = own({ workers: 1 }).map("chats", [1], {
        onLog: () => {
          throw new Error("a bug of the caller's");
        },
      });
      expect(await call).toEqual([1]);
    });

    test("gets nothing with `forwardLogs: false`", async () => {
      const logs: TaskLog[] = [];
      await shared().map("chats", [1], { forwardLogs: false, onLog: (log) => logs.push(log) });
      expect(logs).toEqual([]);
    });
  });

  test("`forwardLogs` writes to the pool's logger", async () => {
    const lines: Record<string, unknown>[] = [];
    const logger = pino(
      { base: null },
      { write: (line) => lines.push(JSON.parse(line) as Record<string, unknown>) },
    );
    const call = own({ logger }).map("speaks", [3], { forwardLogs: true });
    await call;
    const item = {
      mapId: call.id,
      task: "speaks",
      index: 0,
      worker: expect.any(String),
      pid: expect.any(Number),
    };
    const said = lines.filter(({ task }) => task === "speaks");
    expect(said.map(({ level, msg, from }) => [level, msg, from])).toEqual([
      [30, "prints 3", "stdout"],
      [40, "warns 3", "stderr"],
      [40, "  of two lines", "stderr"],
      [30, "logs", "log"],
      [50, "fails", "log"],
      [30, "without an end", "stdout"],
    ]);
    for (const line of said) expect(line).toMatchObject(item);
    expect(said[3]).toMatchObject({ size: 3 });
    expect(said[4]).toMatchObject({ err: { type: "RangeError", message: "3 is too large" } });
  });

  test("`forwardLogs` where nobody would see the lines is refused", async () => {
    const error = await rejection(shared().map("chats", [1], { forwardLogs: true }));
    expect(error).toMatchObject({
      code: "INVALID_OPTION",
      message: expect.stringMatching(/Expected an `onLog`/),
    });
    const wrong = await rejection(shared().map("chats", [1], { forwardLogs: 1 as never }));
    expect(wrong).toMatchObject({ message: "Expected `forwardLogs` to be true or false, got 1" });
  });

  test(`progress of a task that ends at once is not lost (${kind})`, async () => {
    const told = new Map<number, unknown>();
    const before: boolean[] = [];
    await shared().map("reportsAndEnds", [1, 2, 3, 4], {
      onTaskProgress: (value, index) => told.set(index, value),
      onResult: (_, index) => before.push(told.has(index)),
    });
    expect(before).toEqual([true, true, true, true]);
    expect([...told.entries()].toSorted(([a], [b]) => a - b)).toEqual(
      [1, 2, 3, 4].map((x, index) => [index, `all of ${x}`]),
    );
  });
});
