import { describe, expect, test } from "vitest";

import type { CallOptions, Pool, PoolOptions } from "@poolmq/producer";

import { QueueWatcher } from "@poolmq/worker/internal";

import type * as defined from "../../fixtures/defined-tasks.ts";
import type * as common from "../../fixtures/tasks.ts";
import { redisForFile } from "../../support/redis-server.ts";
import { Marks, rejection, Stage } from "../../support/stage.ts";
import { until } from "../../support/until.ts";

const redis = redisForFile();

const MODULE = new URL("../../fixtures/defined-tasks.ts", import.meta.url);

type Tasks = typeof defined;

async function fleet(options: PoolOptions<Tasks> = {}): Promise<{ stage: Stage; pool: Pool<Tasks> }> {
  const stage = new Stage(redis());
  await stage.machine({ module: MODULE });
  return { stage, pool: stage.pool<Tasks>(options) };
}

function noFleet(): { stage: Stage; pool: Pool<Tasks> } {
  const stage = new Stage(redis());
  return { stage, pool: stage.pool<Tasks>() };
}

/** Times between the lines of a log. */
function gaps(marks: Marks): number[] {
  const times = marks.lines.map(Number);
  return times.slice(1).map((time, index) => time - (times[index] ?? 0));
}

describe("an option of the call wins over the pool's, and that over the definition's:", () => {
  // 12 items: one job runs, the others wait.
  test.for([
    ["the definition's", {}, {}, 2],
    ["the pool's", { chunksize: 3 }, {}, 3],
    ["the call's", { chunksize: 3 }, { chunksize: 2 }, 5],
  ] as const)("chunksize, %s", async ([, ofPool, ofCall, waiting]) => {
    const marks = new Marks();
    const { stage, pool } = await fleet(ofPool);
    const items = Array.from({ length: 12 }, () => ({ log: marks.log, gate: marks.gate }));
    const map = pool.map("inFours", items, ofCall);
    await marks.started(1);
    expect(await redis().admin.llen(stage.keys.job("wait"))).toBe(waiting);
    marks.open();
    expect(await map).toEqual(items.map((_, index) => index));
  });

  test.for([
    ["the definition's", {}, {}, 3],
    ["the pool's", { attempts: 2 }, {}, 2],
    ["the call's", { attempts: 2 }, { attempts: 1 }, 1],
  ] as const)("attempts, %s", async ([, ofPool, ofCall, runs]) => {
    const marks = new Marks();
    const { pool } = await fleet(ofPool);
    const error = await rejection(pool.map("thrice", [marks.log], ofCall));
    expect(error).toMatchObject({ message: "again", remote: { attempt: runs } });
    expect(marks.lines).toHaveLength(runs);
  });

  test.for([
    ["the definition's", {}, {}, 1_200, Infinity],
    ["the pool's", { backoff: 500 }, {}, 500, 1_200],
    ["the call's", { backoff: 500 }, { backoff: 0 }, 0, 500],
  ] as const)("backoff, %s", async ([, ofPool, ofCall, least, most]) => {
    const marks = new Marks();
    const { pool } = await fleet(ofPool);
    await rejection(pool.map("slowlyTwice", [marks.log], ofCall));
    const [gap = 0] = gaps(marks);
    // BullMQ's clock has whole milliseconds.
    expect(gap).toBeGreaterThanOrEqual(least - 2);
    expect(gap).toBeLessThan(most);
  });

  test.for([
    ["the definition's", {}, {}, 150],
    ["the pool's", { taskTimeoutMs: 120 }, {}, 120],
    ["the call's", { taskTimeoutMs: 120 }, { taskTimeoutMs: 180 }, 180],
  ] as const)("taskTimeoutMs, %s", async ([, ofPool, ofCall, timeoutMs]) => {
    const { pool } = await fleet(ofPool);
    const error = await rejection(pool.map("limited", [undefined], ofCall));
    expect(error).toMatchObject({ code: "TASK_TIMEOUT", timeoutMs });
  });
});

describe("another attempt", () => {
  test("waits twice as long each time with an exponential backoff", async () => {
    const marks = new Marks();
    const { pool } = await fleet();
    await rejection(pool.map("growing", [marks.log]));
    expect(gaps(marks)).toEqual([
      expect.toSatisfy((ms: number) => ms >= 48),
      expect.toSatisfy((ms: number) => ms >= 98),
      expect.toSatisfy((ms: number) => ms >= 198),
    ]);
  });

  test("waits for a part of the delay at least, with jitter", async () => {
    const marks = new Marks();
    const { pool } = await fleet();
    await rejection(pool.map("jittery", [marks.log]));
    expect(gaps(marks)[0]).toBeGreaterThanOrEqual(198);
  });

  test.for([1, 5])("is not made if the definition's retryIf says no, in chunks of %i", async (chunksize) => {
    const marks = new Marks();
    const { pool } = await fleet();
    const messages = ["fine", "final", "again", "fine", "broken predicate"];
    const items = messages.map((message) => ({ log: marks.log, message }));
    const outcomes = await pool.map("choosy", items, { chunksize }).settled();
    expect(outcomes.map(({ status }) => status === "fulfilled")).toEqual([true, false, false, true, false]);
    const runs = (message: string): number => marks.lines.filter((line) => line.startsWith(message)).length;
    expect(messages.map(runs)).toEqual([2, 1, 3, 2, 3]);
    expect(outcomes[2]).toMatchObject({ reason: { message: "again", remote: { index: 2, attempt: 3 } } });
    expect(outcomes[1]).toMatchObject({ reason: { message: "final", remote: { index: 1, attempt: 1 } } });
  });
});

test("jobs with a lower priority number go first, and those without one last", async () => {
  const marks = new Marks();
  const order = new Marks();
  const { stage, pool } = await fleet();
  const gate = pool.map("gated", [{ log: marks.log, gate: marks.gate }]);
  await marks.started(1);
  const call = (name: string, priority: number | undefined): PromiseLike<unknown> =>
    pool.map(
      "ordered",
      [1, 2].map(() => ({ log: order.log, name })),
      { priority },
    );
  const maps = [call("late", 9), call("early", 2), call("middle", 5), call("none", undefined), gate];
  await expect
    .poll(async () => [
      await redis().admin.zcard(stage.keys.job("prioritized")),
      await redis().admin.llen(stage.keys.job("wait")),
    ])
    .toEqual([6, 2]);
  marks.open();
  await Promise.all(maps);
  expect(order.lines).toEqual(["early", "early", "middle", "middle", "late", "late", "none", "none"]);
});

describe("is a typed error before anything is enqueued:", () => {
  const tuples = [[1, 2], 5, [3, 4]] as unknown as [number, number][];
  const aborted = AbortSignal.abort("too late");
  const odd = (options: object): CallOptions<number> => options;
  const invalid = (message: string): object => ({
    name: "InvalidOptionError",
    code: "INVALID_OPTION",
    message: expect.stringContaining(message),
  });
  const CALLS: readonly (readonly [string, (pool: Pool<Tasks>) => PromiseLike<unknown>, object])[] = [
    ...[0, -1, 1.5, Number.NaN, "2", "autoo", null].map(
      (chunksize) =>
        [
          `chunksize ${JSON.stringify(chunksize)}`,
          (pool: Pool<Tasks>) => pool.map("increment", [1, 2], odd({ chunksize })),
          invalid('Expected `chunksize` to be an integer ≥ 1 or "auto"'),
        ] as const,
    ),
    ...[0, -1, 0.5].map(
      (buffersize) =>
        [
          `buffersize ${buffersize}`,
          (pool: Pool<Tasks>) => pool.imap("increment", [1, 2], { buffersize }).next(),
          invalid("Expected `buffersize` to be an integer ≥ 1"),
        ] as const,
    ),
    ["attempts 0", (pool) => pool.map("increment", [1], { attempts: 0 }), invalid("`attempts`")],
    ["a negative backoff", (pool) => pool.map("increment", [1], { backoff: -1 }), invalid("`backoff`")],
    [
      "a backoff of another type",
      (pool) => pool.map("increment", [1], odd({ backoff: { type: "linear", delayMs: 1 } })),
      invalid('"fixed" | "exponential"'),
    ],
    [
      "a misspelled part of backoff",
      (pool) => pool.map("increment", [1], odd({ backoff: { type: "fixed", delay: 1 } })),
      invalid("Did you mean `delayMs`?"),
    ],
    [
      "jitter of 2",
      (pool) => pool.map("increment", [1], { backoff: { type: "fixed", delayMs: 1, jitter: 2 } }),
      invalid("`backoff.jitter`"),
    ],
    ["priority 0", (pool) => pool.map("increment", [1], { priority: 0 }), invalid("`priority`")],
    [
      "taskTimeoutMs 0",
      (pool) => pool.map("increment", [1], { taskTimeoutMs: 0 }),
      invalid("`taskTimeoutMs`"),
    ],
    [
      "failFast of text",
      (pool) => pool.map("increment", [1], odd({ failFast: "yes" })),
      invalid("`failFast`"),
    ],
    ["a signal that is none", (pool) => pool.map("increment", [1], odd({ signal: {} })), invalid("`signal`")],
    [
      "a callback that is none",
      (pool) => pool.map("increment", [1], odd({ onResult: 5 })),
      invalid("`onResult`"),
    ],
    [
      "a misspelled option",
      (pool) => pool.map("increment", [1], odd({ chunkSize: 2 })),
      invalid("Unknown option `chunkSize` in the call options. Did you mean `chunksize`?"),
    ],
    [
      "an option by the name that queues give it",
      (pool) => pool.map("increment", [1], odd({ retries: 2 })),
      invalid("Unknown option `retries` in the call options. Did you mean `attempts`?"),
    ],
    [
      "an option by the name that pools of threads give it",
      (pool) => pool.map("increment", [1], odd({ timeout: 2 })),
      invalid("Did you mean `taskTimeoutMs`?"),
    ],
    [
      "a misspelled option of a stream",
      (pool) => pool.imapUnordered("increment", [1], odd({ bufferSize: 2 })).next(),
      invalid("Did you mean `buffersize`?"),
    ],
    [
      'chunksize "auto" with a map id',
      (pool) => pool.map("increment", [1], { chunksize: "auto", mapId: "m" }),
      invalid("`chunksize`"),
    ],
    ["a non-tuple given to starmap", (pool) => pool.starmap("sum", tuples), invalid("got 5 at index 1")],
    [
      "a non-tuple given to istarmapUnordered",
      (pool) => pool.istarmapUnordered("sum", tuples).next(),
      invalid("got 5 at index 1"),
    ],
    [
      "a non-tuple given to apply",
      (pool) => pool.apply("increment", 5 as unknown as [number]),
      invalid("Expected the arguments of apply() to be an array, got 5: write [5]"),
    ],
    [
      "no arguments given to apply",
      (pool) => pool.apply("increment", undefined as unknown as [number]),
      invalid("Expected the arguments of apply() to be an array, got undefined: write []"),
    ],
    [
      "a promise of items given to map",
      (pool) => pool.map("increment", Promise.resolve([1]) as unknown as number[]),
      invalid("got Promise { [Array] }: await it first"),
    ],
    [
      "a function of two required arguments given to map",
      (pool) => pool.map("sum" as "increment", [1, 2]),
      invalid("Expected the task of map() to take one argument, got sum, which takes 2: use starmap()"),
    ],
    [
      "a function of two required arguments given to imapUnordered",
      (pool) => pool.imapUnordered("sum" as "increment", [1, 2]).next(),
      invalid("use istarmapUnordered()"),
    ],
    [
      "an imported function of two required arguments given to imap",
      (pool) => pool.imap(((a: number, b: number) => a + b) as never, [1, 2] as never).next(),
      invalid("use istarmap()"),
    ],
    [
      "a signal that was aborted",
      (pool) => pool.map("increment", [1, 2], { signal: aborted }),
      { name: "CancelledError", code: "CANCELLED", cause: "too late" },
    ],
    [
      "a signal that was aborted, for a stream",
      (pool) => pool.imap("increment", [1, 2], { signal: aborted }).next(),
      { code: "CANCELLED", cause: "too late" },
    ],
  ];

  test.for(CALLS)("%s", async ([what, call, error]) => {
    // Only the workers know the functions.
    const { stage, pool } = what.includes("function") ? await fleet() : noFleet();
    expect(await rejection(call(pool))).toMatchObject(error);
    expect(await everEnqueued(stage)).toBe(false);
  });

  test("which a call that enqueues something is not", async () => {
    const { stage, pool } = await fleet();
    await pool.map("increment", [1]);
    expect(await everEnqueued(stage)).toBe(true);
  });
});

/** BullMQ counts jobs, also those that are gone. */
async function everEnqueued(stage: Stage): Promise<boolean> {
  const keys = await redis().admin.keys(stage.keys.pattern);
  return keys.some((key) => /:map:|:id$|:[\w-]+-\d+$/.test(key));
}

test("the input is not even asked for if the options are wrong", async () => {
  const { pool } = await fleet();
  const items: Iterable<number> = {
    [Symbol.iterator]() {
      throw new Error("was asked for");
    },
  };
  const signal = AbortSignal.abort();
  expect(await rejection(pool.map("increment", items, { signal }))).toMatchObject({ code: "CANCELLED" });
  expect(await rejection(pool.map("increment", items, { chunksize: 0 }))).toMatchObject({
    code: "INVALID_OPTION",
  });
});

describe("codeVersion", () => {
  /** Two machines on one queue, each with the version of its code, which its task `environment` gives too. */
  async function mixedFleet(): Promise<{ stage: Stage; pool: Pool<typeof common> }> {
    const stage = new Stage(redis());
    for (const codeVersion of ["a1", "b2"]) {
      await stage.machine({ codeVersion, env: { POOLMQ_TASK_CODE: codeVersion } });
    }
    return { stage, pool: stage.pool<typeof common>() };
  }

  test("of a call has it run on no other machine, and is told to those who watch", async () => {
    const { stage, pool } = await mixedFleet();
    const tuples = Array.from({ length: 12 }, (): [] => []);
    const seen = await pool.starmap("environment", tuples, { codeVersion: "b2" });
    expect(new Set(seen.map((env) => env["POOLMQ_TASK_CODE"]))).toEqual(new Set(["b2"]));
    const { machines } = await new QueueWatcher(redis().admin, stage).readOnce();
    expect(
      machines.map(({ codeVersion }) => codeVersion).toSorted((a, b) => (a ?? "").localeCompare(b ?? "")),
    ).toEqual(["a1", "b2"]);
  });

  test("that no machine has fails the call at once, and so do jobs whose machine has gone", async () => {
    const { pool } = await mixedFleet();
    expect(await rejection(pool.apply("add", [1, 2], { codeVersion: "c3" }))).toMatchObject({
      code: "CODE_VERSION",
      asked: "c3",
      known: ["a1", "b2"],
    });
    const stage = new Stage(redis());
    const map = stage.pool<typeof common>({ codeVersion: "old" }).map("echo", [1, 2, 3]);
    // It is enqueued while no machine lives.
    await until(async () => (await redis().admin.llen(stage.keys.job("wait"))) === 3, { what: "the jobs" });
    await stage.machine({ codeVersion: "new" });
    expect(await rejection(map)).toMatchObject({ code: "CODE_VERSION", asked: "old", known: ["new"] });
  });

  test.for(["", "a b", "x".repeat(101), 5, null])("%j is refused", async (codeVersion) => {
    const options = { codeVersion: codeVersion as string };
    expect(await rejection(noFleet().pool.map("anything" as never, [] as never, options))).toMatchObject({
      code: "INVALID_OPTION",
      message: expect.stringContaining("codeVersion"),
    });
  });
});
