import { inspect } from "node:util";

import { describe, expect, test } from "vitest";

import { OddError } from "../fixtures/behaviours.ts";
import * as tasks from "../fixtures/behaviours.ts";
import { onBothPools } from "../support/both-pools.ts";
import { rejection } from "../support/stage.ts";

onBothPools(({ shared, own }) => {
  test("map waits for every item, then rejects with the error of the lowest index that failed", async () => {
    const call = shared().map("evenOnly", [0, 2, 9, 7, 5, 4]);
    expect(await rejection(call)).toMatchObject({ message: "9 is odd", remote: { index: 2 } });
    expect(call.progress).toMatchObject({ total: 6, done: 6, failed: 3, running: 0 });
  });

  describe("an error of a task", () => {
    test("comes back as itself: name, message, properties, cause, the worker's stack, the call, what ran where", async () => {
      const error = (await rejection(shared().map("evenOnly", [0, 3]))) as Error & {
        remote: { pid: number };
      };
      expect(error).toBeInstanceOf(Error);
      expect(error).toMatchObject({
        name: "OddError",
        message: "3 is odd",
        x: 3,
        cause: expect.any(RangeError),
        remote: {
          task: "evenOnly",
          index: 1,
          attempt: 1,
          worker: expect.any(String),
          pid: expect.any(Number),
        },
      });
      expect(error.stack).toMatch(
        /^OddError: 3 is odd\n\s+at evenOnly \(.*fixtures\/behaviours\.ts:\d+:\d+\)/,
      );
      expect(error.stack).toMatch(/called by the producer: map\(\) ---\n.*behaviours\/errors\.test\.ts/);
      expect(inspect(error)).toContain("not even");
    });

    test("is an instance of its class where the producer imported the tasks module", async () => {
      const error = await rejection(own().map(tasks.evenOnly, [3]));
      expect(error).toMatchObject({ name: "OddError", x: 3 });
      expect(error).toBeInstanceOf(OddError);
    });

    test("raises no unhandled rejection if nobody looks", async () => {
      const ignored = shared().map("evenOnly", [1]);
      const stream = shared().imap("evenOnly", [1]);
      await ignored.wait();
      await stream.return();
    });
  });

  test.for([
    ["null", null],
    ["undefined", undefined],
    ["a string", "just text"],
    ["a number", -0],
    ["an object", { code: 7, at: new Date(0) }],
  ] as const)("%s that was thrown reaches the caller as what it was", async ([, thrown]) => {
    expect(await rejection(shared().map("throwIt", [thrown]))).toStrictEqual(thrown);
  });

  test("AggregateErrors keep their errors, and built-in errors their class", async () => {
    const error = (await rejection(shared().map("throwAggregate", ["both"]))) as AggregateError;
    expect(error).toBeInstanceOf(AggregateError);
    expect(error.message).toBe("both");
    expect(error.errors.map((inner: Error) => [inner.constructor, inner.message])).toEqual([
      [TypeError, "a"],
      [RangeError, "b"],
    ]);
  });

  describe("what can't be sent", () => {
    test("is a SerializationError with its path, of the argument's item alone", async () => {
      const items = [1, { user: { callback: () => 1 } }, 3];
      const settled = await shared().map("echo", items, { chunksize: 3 }).settled();
      expect(settled).toEqual([
        { status: "fulfilled", value: 1 },
        {
          status: "rejected",
          reason: expect.objectContaining({ code: "SERIALIZATION", path: ".user.callback" }),
        },
        { status: "fulfilled", value: 3 },
      ]);
    });

    test("is one of the result's item alone, and the worker lives on", async () => {
      const settled = await shared().map("unsendable", [0, 1, 2], { chunksize: 3 }).settled();
      expect(settled).toEqual([
        { status: "fulfilled", value: 0 },
        {
          status: "rejected",
          reason: expect.objectContaining({
            code: "SERIALIZATION",
            path: ".deep[0].callback",
            message: expect.stringContaining("The result at .deep[0].callback is a function"),
          }),
        },
        { status: "fulfilled", value: 2 },
      ]);
    });
  });
});
