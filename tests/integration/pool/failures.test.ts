import { inspect } from "node:util";

import { describe, expect, test } from "vitest";

import { redisForFile } from "../../support/redis-server.ts";
import { Marks, poolForFile, rejection, Stage } from "../../support/stage.ts";

const redis = redisForFile();
const shared = poolForFile(redis);

describe("an error of a task", () => {
  test("comes back as itself: class, message, properties, cause, the worker's stack, and where it ran", async () => {
    const stage = new Stage(redis());
    const machine = await stage.machine();
    const error = await rejection(stage.pool().map("fail", [0, 2, 5]));
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({
      name: "PaymentError",
      message: "card 5 refused",
      status: 402,
      cause: expect.any(RangeError),
      stack: expect.stringMatching(
        /^PaymentError: card 5 refused\n\s+at fail \(.*fixtures\/tasks\.ts:\d+:\d+\)/,
      ),
      remote: { task: "fail", index: 2, attempt: 1, worker: machine.id, pid: machine.pids[0] },
    });
    expect((error as Error).constructor.name).toBe("PaymentError");
    expect(inspect(error)).toContain("limit");
  });

  test("is told of the item with the lowest index, whichever failed first, once every item has ended", async () => {
    const pool = new Stage(redis()).localPool({ processes: 2 });
    for (let round = 0; round < 5; round++) {
      const result = pool.map("fail", [0, 2, 9, 7, 5, 4]);
      expect(await rejection(result)).toMatchObject({ message: "card 9 refused", remote: { index: 2 } });
      expect(result.progress).toMatchObject({ total: 6, done: 6, failed: 3, running: 0 });
      expect(result.successful()).toBe(false);
    }
  });

  test("is its item's alone in a chunk", async () => {
    const pool = shared();
    const result = pool.map("fail", [0, 1, 2, 3, 4], { chunksize: 5 });
    expect(await rejection(result)).toMatchObject({ message: "card 1 refused", remote: { index: 1 } });
    expect(result.progress.failed).toBe(2);
  });

  test("raises no unhandled rejection if nobody looks at the map", async () => {
    const pool = shared();
    const ignored = pool.map("fail", [1]);
    await ignored.wait();
    expect(await pool.map("fail", [2])).toEqual([2]);
  });
});

describe("what is thrown, and is no ordinary error", () => {
  test.for([
    ["null", null],
    ["undefined", undefined],
    ["text", "just text"],
    ["object", { code: 7 }],
  ] as const)("%s reaches the caller as what it was, after one run", async ([kind, thrown]) => {
    const marks = new Marks();
    const pool = shared();
    expect(await rejection(pool.map("throwOdd", [{ kind, log: marks.log }]))).toEqual(thrown);
    expect(marks.lines).toHaveLength(1);
  });

  test.for([
    "DelayedError",
    "WaitingError",
    "WaitingChildrenError",
    "RateLimitError",
    "UnrecoverableError",
    "bullmq:rateLimitExceeded",
    "bullmq:movedToDelayed",
    "bullmq:movedToWait",
    "bullmq:movedToWaitingChildren",
  ])("%s does not steer BullMQ: it reaches the caller after one run", async (kind) => {
    const marks = new Marks();
    const stage = new Stage(redis());
    await stage.machine();
    const error = await rejection(stage.pool().map("throwOdd", [{ kind, log: marks.log }]));
    expect(error).toMatchObject(
      kind.startsWith("bullmq") ? { message: kind } : { name: kind, message: `a user's ${kind}` },
    );
    expect(marks.lines).toHaveLength(1);
  });

  test("a frozen error reaches the caller", async () => {
    const marks = new Marks();
    const pool = shared();
    const error = await rejection(pool.map("throwOdd", [{ kind: "frozen", log: marks.log }]));
    expect(error).toBeInstanceOf(TypeError);
    expect(marks.lines).toHaveLength(1);
  });
});

describe("what can't be sent", () => {
  test("an argument fails its own item, and says where it lies", async () => {
    const pool = shared();
    const result = pool.map("echo", [1, { user: { callback: () => 1 } }, 3]);
    expect(await rejection(result)).toMatchObject({
      code: "SERIALIZATION",
      path: ".user.callback",
      message: expect.stringContaining("The argument at .user.callback is a function"),
    });
    expect(result.progress).toMatchObject({ total: 3, done: 3, failed: 1, running: 0 });
  });

  test("an argument in a tuple or a chunk is named by its place in the tuple", async () => {
    const pool = shared();
    const tuples = [
      [1, 2],
      [3, Symbol("x")],
      [5, 6],
    ] as unknown as [number, number][];
    const result = pool.starmap("add", tuples, { chunksize: 3 });
    expect(await rejection(result)).toMatchObject({ code: "SERIALIZATION", path: "[1]" });
    expect(result.progress).toMatchObject({ total: 3, done: 3, failed: 1, running: 0 });
  });

  test("a promise among the items is not waited for, but refused", async () => {
    const pool = shared();
    const items = [Promise.resolve(1)] as unknown as number[];
    expect(await rejection(pool.map("increment", items))).toMatchObject({
      code: "SERIALIZATION",
      message: expect.stringContaining("a Promise"),
    });
  });

  test("a result fails its own item, says where it lies, and leaves the worker alive", async () => {
    const stage = new Stage(redis());
    const machine = await stage.machine();
    const pool = stage.pool();
    const [pid] = machine.pids;
    expect(await rejection(pool.map("resultThatCannotBeSent", [undefined]))).toMatchObject({
      code: "SERIALIZATION",
      path: ".user.callback",
      message: expect.stringContaining("The result at .user.callback is a function"),
      remote: { index: 0, pid },
    });
    expect(await pool.map("increment", [1])).toEqual([2]);
    expect(machine.pids).toEqual([pid]);
  });
});

describe("a task that ends its process", () => {
  test("fails after three losses with how it ended; the other items are delivered", async () => {
    const stage = new Stage(redis());
    await stage.machine();
    const pool = stage.pool();
    const [error, results] = await Promise.all([
      rejection(pool.map("exit", [7])),
      pool.map("increment", [1, 2, 3]),
    ]);
    expect(error).toMatchObject({
      code: "WORKER_LOST",
      losses: 3,
      exitCode: 7,
      signal: null,
      outOfMemory: false,
      remote: { task: "exit", index: 0 },
    });
    expect(results).toEqual([2, 3, 4]);
  });
});
