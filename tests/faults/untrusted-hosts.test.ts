/** What a task may do to the process that it runs in: the machine and the other items do not notice. Rows 34 to 39. */

import type { Pool } from "@poolmq/producer";
import { expect, test } from "vitest";

import type * as tasks from "../fixtures/evil-tasks.ts";
import { FaultStage, figure } from "../support/fault-stage.ts";
import { isRunning } from "../support/processes.ts";
import { redisForFile } from "../support/redis-server.ts";
import { Marks, rejection, Stage } from "../support/stage.ts";
import { until } from "../support/until.ts";

const redis = redisForFile();
const EVIL = new URL("../fixtures/evil-tasks.ts", import.meta.url);

/** A machine on which whoever is charged once has failed, and a pool. */
async function stageOf(options: Parameters<Stage["machine"]>[0] = {}): Promise<Pool<typeof tasks>> {
  const stage = new Stage(redis());
  await stage.machine({ module: EVIL, workerLossAttempts: 1, killGraceMs: 200, ...options });
  return stage.pool<typeof tasks>();
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** The same message for each run that its process may have been sent. */
const ofAnyRun = (fields: string, text: string): string =>
  numbers(200)
    .map((id) => `{"id":${id},${fields}}\t${text}\n`)
    .join("");

test.for([
  ["a line that is none", 6, "garbage\n"],
  ["an end of its run that can't be read", 6, ofAnyRun('"t":"done","ms":1,"retriable":0', "x")],
  ["an end of its run without an outcome", 6, ofAnyRun('"t":"done","ms":1,"retriable":0', "")],
  ["a log that can't be read", 6, ofAnyRun('"t":"log","index":0', "{{")],
  ["the progress of an item that it has not", 6, ofAnyRun('"t":"progress","index":-5', "1")],
  ["a message that nobody knows", 6, '{"t":"nonsense"}\n'],
  ["a message that claims 10¹⁴ bytes", 6, '{"t":"progress","id":1,"index":0,"bytes":100000000000000}\n'],
  ["on the pipe that it reads", 3, "x"],
  ["on the line of its guard", 4, "garbage\n"],
] as const)(
  "row 34: a task that writes to a pipe, %s: it is charged, nobody else notices",
  async ([, fd, text]) => {
    const pool = await stageOf({ processes: 2 });
    const good = pool.map("good", numbers(100));
    expect(await rejection(pool.apply("writesTo", [fd, text]))).toMatchObject({
      code: "WORKER_LOST",
      cause: { message: expect.stringContaining("The process was killed: it ") as string },
    });
    expect(await good).toEqual(numbers(100).map((x) => 2 * x));
  },
);

test("row 34: half a message is taken for silence, and ends its process", async () => {
  const pool = await stageOf();
  expect(await rejection(pool.apply("writesTo", [6, '{"t":"pong"']))).toMatchObject({ code: "WORKER_LOST" });
  expect(await pool.map("good", [1, 2])).toEqual([2, 4]);
});

test.for([
  "an indenting JSON.stringify",
  "no JSON",
  "a toJSON of all arrays",
  "no Buffer, Promise, performance and setImmediate",
  "a Map that throws",
  "strings that can't be cut",
  "undefined in the place of Promise",
  "a setTimeout that never fires",
  "a setTimeout that throws",
  "a queueMicrotask that does nothing",
  "no process.exit and process.kill",
])("row 34: a task that leaves its process with %s does no harm to the next items", async (what) => {
  const pool = await stageOf();
  expect(await pool.apply("breaks", [what])).toBe(1);
  expect(await pool.map("timed", numbers(5), { chunksize: 1 })).toEqual(numbers(5));
  expect(await pool.map("quick", numbers(20))).toEqual(numbers(20));
  // Values of every form: many numbers are packed, and bytes travel beside the text.
  const values = [numbers(100), new Map([["a", 1]]), Buffer.alloc(40_000, 7), new Float64Array([1.5])];
  expect(await pool.map("quick", numbers(100), { chunksize: 50 })).toEqual(numbers(100));
  expect(await pool.map<"quick">("quick", values)).toEqual(values);
});

test.for([
  "an Array whose first element can't be set",
  "a property of all objects that can't be set",
  "an Array that gives no iterator",
])("row 34: %s, which may harm the item that did it, does no harm to the next ones", async (what) => {
  const pool = await stageOf();
  await pool.apply("breaks", [what]).catch(() => {});
  expect(await pool.map("timed", numbers(5), { chunksize: 1 })).toEqual(numbers(5));
  expect(await pool.map("quick", [numbers(100), new Map([["a", 1]])])).toEqual([
    numbers(100),
    new Map([["a", 1]]),
  ]);
});

test("row 34: items of one chunk do not suffer from the one that damaged their process", async () => {
  const pool = await stageOf();
  const damages = ["a Map that throws", "nothing", "nothing"];
  expect(await pool.map("breaks", damages, { chunksize: 3 })).toEqual([1, 1, 1]);
});

test.for([[[3]], [[4]], [[6]], [[3, 6]]])(
  "row 35: a task that closes the pipes %o and goes on is killed and charged",
  async ([fds = []]) => {
    const pool = await stageOf();
    await pool.ready();
    const from = performance.now();
    expect(await rejection(pool.apply("closes", fds as never))).toMatchObject({ code: "WORKER_LOST" });
    figure(35, "a host that has closed its pipes is noticed and killed", performance.now() - from, "ms");
    expect(await pool.map("good", [1, 2])).toEqual([2, 4]);
  },
);

test("row 35: a task that stops its process by a signal is killed and charged", async () => {
  const pool = await stageOf();
  expect(await rejection(pool.apply("stopsItself", []))).toMatchObject({
    code: "WORKER_LOST",
    cause: { message: "The process was killed: a signal had stopped it" },
  });
  expect(await pool.map("good", [1, 2])).toEqual([2, 4]);
});

test("row 35: a task that says that it exits, and does not, is killed and charged", async () => {
  const pool = await stageOf();
  expect(await rejection(pool.apply("exitsForEver", []))).toMatchObject({ code: "WORKER_LOST" });
});

test.for(["timer", "promise", "exit", "proxy", "thenable"] as const)(
  "row 37: what an item left behind, by %s, is charged to nobody once it has its outcome",
  async (what) => {
    const pool = await stageOf({ processes: 2, concurrency: 4 });
    const left = pool.map(
      "leaves",
      Array.from({ length: 10 }, () => what),
    );
    const innocent = pool.map("good", numbers(60));
    expect(await left).toEqual(Array.from({ length: 10 }, () => "done"));
    expect(await innocent).toEqual(numbers(60).map((x) => 2 * x));
  },
);

test("row 37: what never lets an event loop go on harms no other item once its own has ended", async () => {
  const kinds = ["a loop in a timer", "an async function that waits for nothing"];
  const doubled = numbers(5).map((x) => 2 * x);
  // Side by side, because all take some seconds of silence.
  const innocent = (async () => {
    const pool = await stageOf();
    const marks = new Marks();
    // This item computes for longer than that.
    await pool.apply("hog", [marks.log, 6_000]);
    expect(marks.lines).toEqual(["hog"]);
  })();
  const withoutLimit = kinds.map(async (what) => {
    const pool = await stageOf();
    expect(await pool.apply("leavesEndless", [what])).toBe(what);
    expect(await pool.map("good", numbers(5), { chunksize: 1 })).toEqual(doubled);
  });
  const withLimit = kinds.map(async (what) => {
    const pool = await stageOf();
    const left = pool.apply("leavesEndless", [what]);
    const good = pool.map("good", numbers(5), { chunksize: 1, taskTimeoutMs: 1_500 });
    expect([await left, await good]).toEqual([what, doubled]);
  });
  await Promise.all([innocent, ...withoutLimit, ...withLimit]);
});

test.for(["timer", "promise", "nextTick"] as const)(
  "row 37: an item that ends its process by an error that nobody catches, by %s, pays alone, and the error is the cause",
  async (how) => {
    const pool = await stageOf({ concurrency: 4 });
    const innocent = pool.map("good", numbers(30));
    const error = await rejection(pool.apply("dies", [how]));
    expect(error).toMatchObject({ code: "WORKER_LOST", exitCode: 1 });
    expect((error as Error).cause).toBeInstanceOf(TypeError);
    expect((error as Error).cause).toMatchObject({ message: "the true reason" });
    expect(await innocent).toEqual(numbers(30).map((x) => 2 * x));
  },
);

test.for(["spawn", "sync", "signal"] as const)(
  "row 38: programs that a task started (%s) end when it reaches its time limit, and when it is cancelled",
  async (how) => {
    const pool = await stageOf();
    const marks = new Marks();
    await rejection(pool.apply("program", [marks.log, how], { taskTimeoutMs: 500 }));
    const cancelled = pool.apply("program", [marks.log, how]);
    await marks.started(4);
    cancelled.cancel();
    await rejection(cancelled);
    const pids = marks.lines.map(Number);
    await until(() => !pids.some(isRunning), { what: "the programs to end" });
  },
);

test("row 38: programs that a task started end with the supervisor, however that ends", async () => {
  const stage = new FaultStage(redis());
  const machine = await stage.machineProcess({ module: EVIL.href });
  const marks = new Marks();
  const map = stage.pool<typeof tasks>().starmap("program", [[marks.log, "spawn"]]);
  map.catch(() => {});
  await marks.started(2);
  await machine.kill();
  const pids = marks.lines.map(Number);
  await until(() => !pids.some(isRunning), { what: "the programs to end" });
});

test("row 39: an item that waits in a pipe when its map is cancelled never begins", async () => {
  const pool = await stageOf();
  const marks = new Marks();
  for (let round = 0; round < 3; round++) {
    // Tiny ones, so that some are piped ahead.
    await pool.map("quick", numbers(1_000));
    // Longer than a busy computer keeps the machine from hearing of the cancel.
    const hog = pool.apply("hog", [marks.log, 1_500]);
    const waiting = pool.apply("forever", [marks.log], round === 1 ? { taskTimeoutMs: 60_000 } : {});
    await marks.started(round + 1);
    waiting.cancel();
    await rejection(waiting);
    await hog;
    expect(await pool.map("quick", [1])).toEqual([1]);
  }
  expect(marks.lines).not.toContain("forever");
});
