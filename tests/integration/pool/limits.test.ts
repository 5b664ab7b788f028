import { describe, expect, test } from "vitest";

import type { PoolOptions } from "@poolmq/producer";

import type * as values from "../../fixtures/value-tasks.ts";
import { redisForFile } from "../../support/redis-server.ts";
import { rejection, Stage } from "../../support/stage.ts";

const redis = redisForFile();

const MODULE = new URL("../../fixtures/value-tasks.ts", import.meta.url);

type Tasks = typeof values;

const MIB = 1024 * 1024;

function local(options: PoolOptions<Tasks> = {}): ReturnType<typeof Stage.prototype.localPool<Tasks>> {
  return new Stage(redis()).localPool<Tasks>({ tasks: MODULE, ...options });
}

function tooLarge(limit: string, max: number, got: number): object {
  return {
    name: "LimitError",
    code: "LIMIT_EXCEEDED",
    limit,
    max,
    got,
    message: expect.stringMatching(new RegExp(`${got} bytes, more than \`${limit}\` \\(${max}\\)`)),
  };
}

describe("an item's arguments", () => {
  test.for([1, 5, "auto"] as const)(
    "above maxPayloadBytes are that item's error, in chunks of %s; nothing else is lost",
    async (chunksize) => {
      const pool = local({ maxPayloadBytes: 1_000 });
      // Quotes and the brackets of the job: 4 bytes.
      const items = [10, 996, 10_000, 996, 5].map((length) => "x".repeat(length));
      const map = pool.map("sizeOf", items, { chunksize });
      expect(await map.settled()).toEqual([
        { status: "fulfilled", value: 10 },
        { status: "fulfilled", value: 996 },
        { status: "rejected", reason: expect.objectContaining(tooLarge("maxPayloadBytes", 1_000, 10_002)) },
        { status: "fulfilled", value: 996 },
        { status: "fulfilled", value: 5 },
      ]);
      expect(map.progress).toMatchObject({ total: 5, done: 5, failed: 1, running: 0 });
    },
  );

  test("may be as large as maxPayloadBytes, to the byte", async () => {
    const pool = local({ maxPayloadBytes: 1_000 });
    expect(await pool.map("sizeOf", ["x".repeat(996)])).toEqual([996]);
    expect(await rejection(pool.map("sizeOf", ["x".repeat(997)]))).toMatchObject({ got: 1_001 });
  });

  test("are limited to 8 MiB by default, and a chunk of more is sent as several jobs", async () => {
    const pool = local();
    const items = [3, 3, 3, 9, 3].map((mib) => "x".repeat(mib * MIB));
    const outcomes = await pool.map("sizeOf", items, { chunksize: 5 }).settled();
    expect(outcomes.map((outcome) => outcome.status === "fulfilled" && outcome.value)).toEqual([
      3 * MIB,
      3 * MIB,
      3 * MIB,
      false,
      3 * MIB,
    ]);
    expect(outcomes[3]).toMatchObject({ reason: tooLarge("maxPayloadBytes", 8 * MIB, 9 * MIB + 2) });
  });

  test("of the general form are measured as they are sent", async () => {
    const pool = local({ maxPayloadBytes: 2_000 });
    expect(await pool.map("echo", [new Uint8Array(1_000)])).toEqual([new Uint8Array(1_000)]);
    expect(await rejection(pool.map("echo", [new Uint8Array(2_000)]))).toMatchObject({
      code: "LIMIT_EXCEEDED",
      limit: "maxPayloadBytes",
    });
  });

  test("nested too deep are that item's error", async () => {
    let deep: unknown = 1;
    for (let level = 0; level < 1_001; level++) deep = [deep];
    const outcomes = await local().map("echo", [1, deep, 2], { chunksize: 3 }).settled();
    expect(outcomes).toMatchObject([
      { value: 1 },
      { reason: { code: "LIMIT_EXCEEDED", limit: "maxDepth", max: 1_000 } },
      { value: 2 },
    ]);
  });
});

describe("an item's outcome", () => {
  test.for([1, 5, "auto"] as const)(
    "above maxOutcomeBytes is that item's error, in chunks of %s; its neighbours have theirs",
    async (chunksize) => {
      const stage = new Stage(redis());
      const machine = await stage.machine({ module: MODULE, maxOutcomeBytes: 5_000 });
      const { pids } = machine;
      const lengths = [10, 4_998, 4_999, 4_998, 5];
      const outcomes = await stage.pool<Tasks>().map("text", lengths, { chunksize }).settled();
      expect(
        outcomes.map((outcome) => (outcome.status === "fulfilled" ? outcome.value.length : undefined)),
      ).toEqual([10, 4_998, undefined, 4_998, 5]);
      expect(outcomes[2]).toMatchObject({
        reason: { ...tooLarge("maxOutcomeBytes", 5_000, 5_001), remote: { index: 2 } },
      });
      expect(machine.pids).toEqual(pids);
    },
  );

  test("is limited to 8 MiB by default, also in local mode, where the pool may say otherwise", async () => {
    expect(await rejection(local().map("text", [8 * MIB]))).toMatchObject({ limit: "maxOutcomeBytes" });
    const [result] = await local({ maxOutcomeBytes: 9 * MIB }).map("text", [8 * MIB]);
    expect(result).toHaveLength(8 * MIB);
  });

  test("that is an error is cut down to its limit, and keeps what it can", async () => {
    const error = await rejection(local({ maxOutcomeBytes: 4_000 }).map("failAt", [100_000]));
    expect(error).toBeInstanceOf(RangeError);
    expect(error).toMatchObject({
      status: 7,
      message: expect.stringMatching(/^y{100,3000}… \[cut: 100000 characters\]$/),
      body: expect.stringContaining("maxOutcomeBytes"),
    });
  });

  test("nested too deep is that item's error", async () => {
    const outcomes = await local().map("nested", [10, 1_001, 10], { chunksize: 3 }).settled();
    expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect(outcomes[1]).toMatchObject({ reason: { code: "LIMIT_EXCEEDED", limit: "maxDepth" } });
  });

  test("has room in its job, or says that the chunk is too large", { timeout: 180_000 }, async () => {
    const pool = local({ maxOutcomeBytes: 64 * MIB });
    const lengths = [50, 50, 50, 50].map((mib) => mib * MIB);
    const outcomes = await pool.map("text", lengths, { chunksize: 4 }).settled();
    expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "fulfilled", "rejected"]);
    expect(outcomes[3]).toMatchObject({
      reason: { code: "LIMIT_EXCEEDED", message: expect.stringContaining("smaller `chunksize`") },
    });
  });
});

test.for([
  [{ maxPayloadBytes: 0 }, "maxPayloadBytes"],
  [{ maxPayloadBytes: 1.5 }, "maxPayloadBytes"],
  [{ maxPayloadBytes: 1e12 }, "maxPayloadBytes"],
  [{ maxOutcomeBytes: 100 }, "maxOutcomeBytes"],
  [{ maxShareBytes: -1 }, "maxShareBytes"],
] as const)("the limit %j is refused", ([options, name]) => {
  const build = (): unknown => local(options);
  expect(build).toThrow(new RegExp(`Expected \`${name}\` to be an integer from`));
});

describe("values that items have in common", () => {
  test.for([1, 3])(
    "are apart in the tasks: what one changes, no other sees, in chunks of %i",
    async (chunksize) => {
      const pool = local();
      const plain: values.Counter = { count: 0 };
      const general: values.Counter = { count: 0, at: new Date(0) };
      const options = { chunksize };
      expect(await pool.map("countUp", [plain, plain, plain], options)).toEqual([1, 1, 1]);
      expect(await pool.map("countUp", [general, general, general], options)).toEqual([1, 1, 1]);
    },
  );

  test("are one object within an item, as structured clone has it", async () => {
    const counter: values.Counter = { count: 0 };
    const tuples = [
      [counter, counter],
      [counter, { count: 5 }],
    ] as const;
    expect(await local().starmap("countBoth", tuples, { chunksize: 2 })).toEqual([1, 5]);
  });

  test.for([1, 3])("are apart in the results, in chunks of %i", async (chunksize) => {
    const [first, second, third] = await local().map("same", [1, 2, 3], { chunksize });
    expect(first).toEqual({ at: new Date(0), ids: [1] });
    expect(second).toEqual(first);
    expect(second).not.toBe(first);
    expect(third).not.toBe(first);
  });
});
