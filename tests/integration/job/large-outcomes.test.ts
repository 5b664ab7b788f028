/** Arguments and outcomes that a Redis with small limits of its own will never take. */

import { expect, onTestFinished, test } from "vitest";

import { RedisServer } from "../../support/redis-server.ts";
import { rejection, Stage } from "../../support/stage.ts";
import { within } from "../../support/until.ts";

const MIB = 1024 * 1024;

async function stageOn(
  settings: Readonly<Record<string, string>>,
): Promise<{ redis: RedisServer; stage: Stage }> {
  const redis = await RedisServer.start({ settings });
  onTestFinished(() => redis.stop());
  return { redis, stage: new Stage(redis) };
}

async function connectionsMade(redis: RedisServer): Promise<number> {
  return Number(/total_connections_received:(\d+)/.exec(await redis.admin.info("stats"))?.[1]);
}

test.each([
  ["proto-max-bulk-len", { "proto-max-bulk-len": "1mb" }],
  ["client-query-buffer-limit", { "client-query-buffer-limit": "1mb" }],
  ["client-output-buffer-limit", { "client-output-buffer-limit": "normal 1mb 1mb 1" }],
])(
  "a result above Redis's %s is that item's error, and its neighbours do not notice",
  async (setting, settings) => {
    const { redis, stage } = await stageOn(settings);
    // A login that may ask Redis for its limits.
    await stage.machine({ connection: redis.url });
    const pool = stage.pool({ connection: redis.url });
    expect(await pool.map("repeat", [1])).toEqual(["x"]);
    const before = await connectionsMade(redis);
    const handle = pool.map("repeat", [100, 2 * MIB, 200], { chunksize: 1 });
    const outcomes = await within(15_000, "the outcomes", handle.settled());
    expect(outcomes).toMatchObject([
      { status: "fulfilled" },
      { status: "rejected", reason: { code: "LIMIT_EXCEEDED", limit: setting } },
      { status: "fulfilled" },
    ]);
    // Nor does Redis take such a report. It is not sent, and the item has its result.
    const reports: unknown[] = [];
    const onTaskProgress = (report: unknown): void => void reports.push(report);
    expect(await pool.apply("reportMuch", [2 * MIB], { onTaskProgress })).toBe(1);
    expect(reports).toEqual(["small"]);
    expect(await pool.map("repeat", [2])).toEqual(["xx"]);
    expect(await connectionsMade(redis)).toBe(before);
  },
);

test.each([
  ["proto-max-bulk-len", { "proto-max-bulk-len": "1mb" }],
  ["client-query-buffer-limit", { "client-query-buffer-limit": "1mb" }],
])(
  "an argument or a shared value above Redis's %s is its own error, and its neighbours do not notice",
  async (setting, settings) => {
    const { redis, stage } = await stageOn(settings);
    await stage.machine({ connection: redis.url });
    const pool = stage.pool<{ pid(item: unknown): number }>({ connection: redis.url });
    await pool.map("pid", [1]);
    const before = await connectionsMade(redis);
    // The last one is longer than the limit when it is quoted once more.
    const items = [1, "x".repeat(2 * MIB), new Uint8Array(2 * MIB), '"'.repeat(400_000), 2];
    const outcomes = await within(15_000, "the outcomes", pool.map("pid", items).settled());
    const tooLarge = { status: "rejected", reason: { code: "LIMIT_EXCEEDED", limit: setting } };
    const fine = { status: "fulfilled" };
    expect(outcomes).toMatchObject([fine, tooLarge, tooLarge, tooLarge, fine]);
    expect(await rejection(pool.share(new Uint8Array(2 * MIB)))).toMatchObject(tooLarge.reason);
    // Many that are taken one by one are not sent as more than is taken.
    const many = Array.from({ length: 30 }, () => "x".repeat(100_000));
    expect(await within(15_000, "the results", pool.map("pid", many))).toHaveLength(30);
    expect(await connectionsMade(redis)).toBe(before);
  },
);

test("what is more than all of Redis's memory is its own error, for a login without further rights too", async () => {
  const { redis, stage } = await stageOn({ maxmemory: "2500kb" });
  await stage.machine();
  const pool = stage.pool<{ pid(item: unknown): number; repeat(length: number): string }>();
  await pool.map("pid", [1]);
  const items = [1, "x".repeat(3 * MIB), new Uint8Array(3 * MIB), 2];
  const tooLarge = { status: "rejected", reason: { code: "LIMIT_EXCEEDED", limit: "maxmemory" } };
  const fine = { status: "fulfilled" };
  const outcomes = await within(15_000, "the outcomes", pool.map("pid", items).settled());
  expect(outcomes).toMatchObject([fine, tooLarge, tooLarge, fine]);
  expect(await rejection(pool.share(new Uint8Array(3 * MIB)))).toMatchObject(tooLarge.reason);
  const results = await within(15_000, "the results", pool.map("repeat", [1, 3 * MIB, 2]).settled());
  expect(results).toMatchObject([fine, tooLarge, fine]);
  expect(await redis.admin.info("errorstats")).not.toContain("OOM");
});

test("results that Redis takes one by one are not sent as more than it takes", async () => {
  const { redis, stage } = await stageOn({ "client-query-buffer-limit": "1mb" });
  await stage.machine({ connection: redis.url, concurrency: 8 });
  const pool = stage.pool({ connection: redis.url });
  expect(await pool.map("repeat", [1])).toEqual(["x"]);
  const before = await connectionsMade(redis);
  const sizes = Array.from({ length: 24 }, () => 400_000);
  const results = await within(20_000, "the results", pool.map("repeatLater", sizes, { chunksize: 1 }));
  expect(results.map(({ length }) => length)).toEqual(sizes);
  expect(await connectionsMade(redis)).toBe(before);
});

test('results that Redis takes one by one do not come in jobs of more than it takes with `chunksize: "auto"`', async () => {
  const { redis, stage } = await stageOn({ "client-output-buffer-limit": "normal 1mb 1mb 1" });
  await stage.machine({ connection: redis.url });
  const pool = stage.pool({ connection: redis.url });
  const sizes = Array.from({ length: 200 }, () => 60_000);
  const results = await within(20_000, "the results", pool.map("repeat", sizes, { chunksize: "auto" }));
  expect(results.map(({ length }) => length)).toEqual(sizes);
});

test.each([undefined, 20_000])(
  "a chunk whose results are too large together loses the largest of them (time limit: %s)",
  async (taskTimeoutMs) => {
    const { redis, stage } = await stageOn({ "proto-max-bulk-len": "1mb" });
    await stage.machine({ connection: redis.url });
    const pool = stage.pool({ connection: redis.url });
    const options = { chunksize: 4, ...(taskTimeoutMs === undefined ? {} : { taskTimeoutMs }) };
    const handle = pool.map("repeat", [100, 0.6 * MIB, 200, 0.7 * MIB].map(Math.floor), options);
    const outcomes = await within(15_000, "the outcomes", handle.settled());
    expect(outcomes.map(({ status }) => status).toSorted()).toEqual([
      "fulfilled",
      "fulfilled",
      "fulfilled",
      "rejected",
    ]);
    expect(await rejection(handle)).toMatchObject({ code: "LIMIT_EXCEEDED", limit: "proto-max-bulk-len" });
  },
);

test("a durable map of more items than the server has room for is refused at once, with the way out", async () => {
  const { redis, stage } = await stageOn({ "proto-max-bulk-len": "1mb" });
  const call = stage
    .pool({ connection: redis.url })
    .map("repeat", Array<number>(300_000).fill(1), { mapId: "too-many" });
  expect(await rejection(call)).toMatchObject({
    code: "INVALID_OPTION",
    message: expect.stringMatching(/at most 261120 items, got 300000: .*`proto-max-bulk-len`/),
  });
});
