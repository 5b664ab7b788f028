import { CancelledError, ShardMismatchError } from "@poolmq/producer";
import { shardNames } from "@poolmq/shared/internal";
import { queueKeys } from "@poolmq/shared/redis";
import type { WorkerOptions } from "@poolmq/worker";
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";

import { RedisCluster } from "../../support/redis-cluster.ts";
import { RedisServer } from "../../support/redis-server.ts";
import { Marks, rejection, Stage } from "../../support/stage.ts";
import { TcpProxy } from "../../support/tcp-proxy.ts";
import { until } from "../../support/until.ts";
import { runPoolmq } from "../../support/worker-program.ts";

const KEY = "a-secret-of-the-tests-that-is-32-bytes-long";

let servers: readonly RedisServer[] = [];

beforeAll(async () => {
  servers = await Promise.all([RedisServer.start(), RedisServer.start(), RedisServer.start()]);
});

afterAll(async () => {
  await Promise.all(servers.map((server) => server.stop()));
});

/** A queue that is spread over servers, and as many worker machines of one process, each of which serves all of them. */
async function spread(
  count = 2,
  options: Partial<WorkerOptions> = {},
): Promise<{
  readonly stage: Stage;
  readonly shards: readonly RedisServer[];
  readonly connection: readonly string[];
}> {
  const shards = servers.slice(0, count);
  const stage = new Stage(servers[0] ?? { url: "" });
  const forWorkers = shards.map((server) => server.urlFor("worker"));
  await Promise.all(shards.map(() => stage.machine({ connection: forWorkers, ...options })));
  return { stage, shards, connection: shards.map((server) => server.urlFor("producer")) };
}

/** How many keys of the queue's jobs and maps each server has. Locks come and go. */
async function keysOf(stage: Stage, shards: readonly RedisServer[], kind: string): Promise<number[]> {
  return await Promise.all(
    shards.map(async ({ admin }) => {
      const keys = await admin.keys(stage.keys.pattern.replace("*", kind));
      return keys.filter((key) => !/:(lock|logs)$/.test(key)).length;
    }),
  );
}

beforeEach(async () => {
  await Promise.all(servers.map(({ admin }) => admin.ping()));
});

test("a map's chunks are spread over the servers, and its results are in order", async () => {
  const { stage, connection } = await spread();
  const pool = stage.pool({ connection });
  await pool.ready(2);
  const marks = new Marks();
  const gated = pool.map(
    "gated",
    Array.from({ length: 2 }, () => ({ log: marks.log, gate: marks.gate })),
  );
  await marks.started(2);
  expect(await pool.stats()).toMatchObject({ machines: 2, workers: 2, active: 2 });
  marks.open();
  await gated;
  const numbers = Array.from({ length: 500 }, (_, i) => i);
  expect(await pool.map("increment", numbers, { chunksize: 3 })).toEqual(numbers.map((n) => n + 1));
  const stream = [];
  for await (const value of pool.imap("increment", numbers)) stream.push(value);
  expect(stream).toEqual(numbers.map((n) => n + 1));
});

test("what is shared is on every server", async () => {
  const { stage, shards, connection } = await spread();
  const pool = stage.pool({ connection });
  await pool.ready(2);
  const shared = await pool.share(41);
  expect(await keysOf(stage, shards, "share:*")).toEqual([1, 1]);
  const sums = await pool.starmap(
    "add",
    Array.from({ length: 40 }, (_, i) => [shared, i]),
    { chunksize: 2 },
  );
  expect(sums).toEqual(Array.from({ length: 40 }, (_, i) => 41 + i));
  shared[Symbol.dispose]();
  await until(async () => (await keysOf(stage, shards, "share:*")).every((left) => left === 0), {
    what: "the value to be gone",
  });
});

test("a cancelled map leaves nothing on any server", async () => {
  const { stage, shards, connection } = await spread();
  const pool = stage.pool({ connection });
  await pool.ready(2);
  const marks = new Marks();
  const call = { log: marks.log, gate: marks.gate };
  const result = pool.map(
    "gated",
    Array.from({ length: 40 }, () => call),
  );
  await marks.started(2);
  expect((await keysOf(stage, shards, `${result.id}-*`)).every((jobs) => jobs > 0)).toBe(true);
  result.cancel();
  expect(await rejection(result)).toBeInstanceOf(CancelledError);
  await until(async () => (await keysOf(stage, shards, `*${result.id}*`)).every((left) => left === 0), {
    what: "jobs and keys of the map to be gone",
  });
});

test("every server knows the whole of a map and of its errors, whoever looks", async () => {
  const { stage, shards, connection } = await spread();
  const pool = stage.pool({ connection });
  await pool.ready(2);
  const result = pool.map("fail", [1, 2, 3, 4, 5, 6], { chunksize: 1 });
  await rejection(result);
  for (const { admin } of shards) {
    const report = await until(async () => await admin.hget(stage.keys.mapInfo, result.id), {
      what: "the last report of the map",
    });
    expect(JSON.parse(report.slice(report.indexOf(" ")))).toMatchObject({ done: 6, failed: 3, errors: [3] });
    expect(await admin.hlen(stage.keys.errors(result.id))).toBe(1);
  }
});

test("a durable map is spread by its jobs' ids, and another process reads it or goes on with it", async () => {
  const { stage, shards, connection } = await spread(3);
  const pool = stage.pool({ connection });
  await pool.ready(3);
  const marks = new Marks();
  const inputs = Array.from({ length: 30 }, () => ({ log: marks.log, gate: marks.gate }));
  const first = pool.map("gated", inputs, { mapId: "spread", keepMs: 60_000 });
  await marks.started(3);
  const meta = await Promise.all(shards.map(({ admin }) => admin.hgetall(stage.keys.meta("spread"))));
  expect(new Set(meta.map(({ shards: ids }) => ids)).size).toBe(1);
  expect(meta[0]?.["shards"]?.split(" ")).toHaveLength(3);
  await until(async () => (await keysOf(stage, shards, "spread-*")).reduce((a, b) => a + b, 0) >= 30, {
    what: "all jobs to be there",
  });
  const before = await keysOf(stage, shards, "spread-*");
  // The order in which another process lists the servers says nothing.
  const other = stage.pool({ connection: connection.toReversed() });
  const attached = other.attach("spread");
  await pool.terminate();
  await rejection(first);
  const third = stage.pool({ connection });
  const again = third.map("gated", inputs, { mapId: "spread", keepMs: 60_000 });
  await until(async () => (await third.stats()).active > 0, { what: "the third pool to be there" });
  expect(await keysOf(stage, shards, "spread-*")).toEqual(before);
  marks.open();
  expect(await again).toHaveLength(30);
  expect(await attached).toHaveLength(30);
  expect(marks.lines).toHaveLength(30);
  await again.acknowledge();
  expect(await keysOf(stage, shards, "map:spread:meta")).toEqual([0, 0, 0]);
});

test("all that has a limit is on one server, where its permits are", async () => {
  const { stage, shards, connection } = await spread();
  const pool = stage.pool({ connection });
  await pool.ready(2);
  const marks = new Marks();
  const call = { log: marks.log, gate: marks.gate };
  const result = pool.map(
    "gated",
    Array.from({ length: 6 }, () => call),
    {
      limit: { key: "api", concurrency: 1 },
    },
  );
  await marks.started(1);
  const jobs = await keysOf(stage, shards, `${result.id}-?`);
  expect(jobs.toSorted((a, b) => a - b)[0]).toBe(0);
  marks.open();
  expect(await result).toHaveLength(6);
});

test("signed work, folds, retries, urgency and a slow end are as on one server", async () => {
  const { stage, connection } = await spread(2, { signingKey: KEY, concurrency: 2 });
  const pool = stage.pool({ connection, signingKey: KEY });
  await pool.ready(2);
  const numbers = Array.from({ length: 200 }, (_, i) => i);
  expect(await pool.map("increment", numbers, { chunksize: 7 })).toEqual(numbers.map((n) => n + 1));
  const durable = pool.map("increment", numbers, { mapId: "signed", chunksize: 7, keepMs: 60_000 });
  expect(await stage.pool({ connection, signingKey: KEY }).attach("signed")).toHaveLength(200);
  expect(await durable).toHaveLength(200);

  const marks = new Marks();
  const call = { log: marks.log, gate: marks.gate };
  const waiting = pool.map(
    "gated",
    Array.from({ length: 40 }, () => call),
    { chunksize: 1 },
  );
  await marks.started(4);
  await waiting.setPriority(1);
  // One that comes last and is not urgent, on both servers.
  const failing = pool.map("fail", [1, 3, 5, 7], { attempts: 2, chunksize: 1 });
  marks.open();
  expect(await waiting).toHaveLength(40);
  expect((await failing.settled()).map(({ status }) => status)).toEqual(Array(4).fill("rejected"));

  // Everybody who does not have the key is told of it, wherever they look.
  const other = stage.pool({ connection });
  expect(await rejection(other.map("increment", [1]))).toMatchObject({ code: "SIGNING_KEY" });
});

test("on a Redis Cluster, the queue is spread over queues on its nodes", async () => {
  const cluster = await RedisCluster.start();
  const stage = new Stage(servers[0] ?? { url: "" });
  const connection = { cluster: cluster.primaries.map(({ url }) => url) };
  const queues = shardNames(stage.queue, 3);
  await Promise.all(queues.map(() => stage.machine({ connection, shards: 3 })));
  const pool = stage.pool({ connection, shards: 3 });
  await pool.ready(3);
  const marks = new Marks();
  const call = { log: marks.log, gate: marks.gate };
  const gated = pool.map("gated", [call, call, call], { chunksize: 1 });
  await marks.started(3);
  const jobs = await Promise.all(
    cluster.primaries.map(async ({ admin }) => (await admin.keys(`*${gated.id}-?`)).length),
  );
  expect(jobs).toEqual([1, 1, 1]);
  marks.open();
  expect(await gated).toHaveLength(3);
  const numbers = Array.from({ length: 100 }, (_, i) => i);
  expect(await pool.map("increment", numbers, { mapId: "clustered", chunksize: 3 })).toEqual(
    numbers.map((n) => n + 1),
  );
  const error = await rejection(stage.pool({ connection }).map("increment", [1]));
  expect(error).toMatchObject({ code: "SHARD_MISMATCH", agreed: 3, given: 1 });
});

test("a pool's own worker processes serve all servers", async () => {
  const { stage, shards } = await spread(2);
  const pool = stage.localPool({
    connection: shards.map((server) => server.urlFor("both")),
    queue: `${stage.queue}-own`,
  });
  const numbers = Array.from({ length: 100 }, (_, i) => i);
  expect(await pool.map("increment", numbers, { chunksize: 1 })).toEqual(numbers.map((n) => n + 1));
  expect(await pool.stats()).toMatchObject({ machines: 1, workers: 1 });
});

test("a producer or a machine that was given another number of servers is told both numbers", async () => {
  const { stage, shards, connection } = await spread(3);
  const pool = stage.pool({ connection });
  await pool.ready(3);
  for (const wrong of [connection.slice(0, 1), connection.slice(1)]) {
    const error = await rejection(stage.pool({ connection: wrong }).map("increment", [1]));
    expect(error).toBeInstanceOf(ShardMismatchError);
    expect(error).toMatchObject({ code: "SHARD_MISMATCH", agreed: 3, given: wrong.length });
    const urls = shards.slice(3 - wrong.length).map((server) => server.urlFor("worker"));
    expect(await rejection(stage.machine({ connection: urls }))).toMatchObject({
      code: "SHARD_MISMATCH",
      agreed: 3,
      given: wrong.length,
    });
  }
  // A queue on one server needs no agreement, and writes none.
  const alone = new Stage(servers[0] ?? { url: "" });
  await alone.machine();
  expect(await alone.pool().map("increment", [1])).toEqual([2]);
  expect(await servers[0]?.admin.exists(queueKeys(alone.queue).shards)).toBe(0);
});

test("servers are added and removed while a map runs, in two steps", async () => {
  const [a, b, c] = servers.map((server) => server.urlFor("both"));
  const stage = new Stage(servers[0] ?? { url: "" });
  const change = async (...urls: readonly (string | undefined)[]): Promise<unknown> => {
    const redis = urls.flatMap((url) => (url === undefined ? [] : ["--redis", url]));
    const { code, output } = await runPoolmq(["shards", "--queue", stage.queue, "--json", ...redis]);
    expect(code, output).toBe(0);
    return JSON.parse(output) as unknown;
  };
  const [forA, forB, forC] = servers.map((server) => server.urlFor("producer"));
  const given = (...urls: readonly (string | undefined)[]): string[] =>
    urls.filter((url) => url !== undefined);
  await Promise.all(servers.map((server) => stage.machine({ connection: server.urlFor("worker") })));

  // A queue on one server gets a second one: who has only the first goes on, until the change is done.
  const marks = new Marks();
  const call = { log: marks.log, gate: marks.gate };
  const old = stage.pool({ connection: given(forA) });
  const durable = old.map("gated", [call, call, call], { mapId: "kept", keepMs: 60_000 });
  await marks.started(1);
  expect(await change(a, b)).toMatchObject({ change: "begun", before: 1, shards: 2 });
  expect(await stage.pool({ connection: given(forA) }).map("increment", [])).toEqual([]);
  const young = stage.pool({ connection: given(forB, forA) });
  // The map is where it was begun.
  const attached = young.attach("kept");
  marks.open();
  expect(await attached).toHaveLength(3);
  expect(await durable).toHaveLength(3);
  expect(await change(a, b)).toMatchObject({ change: "done" });
  expect(await change(b, a)).toMatchObject({ change: "none" });
  const refused = await rejection(stage.pool({ connection: given(forA) }).map("increment", [1]));
  expect(refused).toBeInstanceOf(ShardMismatchError);

  // A third one, while a map runs on two; then the first one goes.
  const spreadMap = young.map(
    "increment",
    Array.from({ length: 300 }, (_, i) => i),
    { chunksize: 1 },
  );
  expect(await change(a, b, c)).toMatchObject({ change: "begun", before: 2, shards: 3 });
  expect(await stage.pool({ connection: given(forA, forB, forC) }).map("increment", [1, 2])).toEqual([2, 3]);
  expect(await change(a, b, c)).toMatchObject({ change: "done" });
  expect(await change(b, c)).toMatchObject({ change: "begun", before: 3, shards: 2 });
  expect(await stage.pool({ connection: given(forC, forB) }).map("increment", [1, 2])).toEqual([2, 3]);
  expect(await change(b, c)).toMatchObject({ change: "done" });
  expect(await spreadMap).toHaveLength(300);
  const removed = await rejection(stage.pool({ connection: given(forA, forB, forC) }).map("increment", [1]));
  expect(removed).toMatchObject({ agreed: 2, given: 3 });
});

test("a frozen server is gone round within a second or so, and serves again", async () => {
  const { stage, shards, connection } = await spread(3);
  const pool = stage.pool({ connection });
  await pool.ready(3);
  const frozen = shards[1];
  onTestFinished(() => frozen?.resume());
  const calls = Array.from({ length: 300 }, (_, i) => i);
  const result = pool.map("increment", calls, { chunksize: 1 });
  frozen?.pause();
  expect(await result).toEqual(calls.map((n) => n + 1));
  // The next map does not wait for it at all.
  expect(await pool.map("increment", calls)).toEqual(calls.map((n) => n + 1));
  expect(await pool.apply("increment", [1])).toBe(2);
  frozen?.resume();
  const marks = new Marks();
  const serves = async (): Promise<boolean> => {
    const call = { log: marks.log, gate: marks.gate };
    const trial = pool.map("gated", [call, call, call, call, call, call]);
    const jobs = await until(
      async () => {
        const found = await keysOf(stage, shards, `${trial.id}-?`);
        return found.reduce((a, b) => a + b, 0) === 6 ? found : undefined;
      },
      { what: "the jobs" },
    );
    trial.cancel();
    await rejection(trial);
    return (jobs[1] ?? 0) > 0;
  };
  await until(serves, { what: "the server to serve again" });
});

test("a server that is killed in the middle of maps, and comes back empty, costs no result", async () => {
  const { stage, shards, connection } = await spread(2);
  const pool = stage.pool({ connection });
  await pool.ready(2);
  const calls = Array.from({ length: 2_000 }, (_, i) => i);
  const result = pool.map("increment", calls, { chunksize: 2 });
  await until(() => result.progress.done > 50, { what: "the map to be under way" });
  await shards[1]?.kill();
  expect(await result).toEqual(calls.map((n) => n + 1));
  await shards[1]?.restart();
  // Durable ones need all servers, and wait for them.
  const durable = pool.map("increment", calls.slice(0, 100), { mapId: "after", chunksize: 1 });
  expect(await durable).toHaveLength(100);
});

test("a pool starts while a server is away, and takes it in when it is there", async () => {
  const { stage, shards, connection } = await spread(2);
  await stage.pool({ connection }).ready(2);
  await shards[0]?.kill();
  const pool = stage.pool({ connection });
  const calls = Array.from({ length: 50 }, (_, i) => i);
  expect(await pool.map("increment", calls)).toEqual(calls.map((n) => n + 1));
  const durable = pool.map("increment", calls, { mapId: "waits", chunksize: 1 });
  await shards[0]?.restart();
  expect(await durable).toEqual(calls.map((n) => n + 1));
});

test("a map that runs while a server joins gets nothing sent there before it is open there", async () => {
  const { stage, shards } = await spread(2);
  const [first, second] = shards;
  if (first === undefined || second === undefined) throw new Error("no servers");
  const proxy = await TcpProxy.start(second);
  onTestFinished(() => proxy.stop());
  await stage.pool({ connection: shards.map((server) => server.urlFor("producer")) }).ready(2);
  proxy.refuse(true);
  const way = proxy.url.replace("redis://", "redis://producer:of-the-tests@");
  const pool = stage.pool({ connection: [first.urlFor("producer"), way] });
  await pool.ready(2);
  // It is there, and has not told yet of which queue it is a part.
  const asked = proxy.seen(
    ([name = "", key = ""]) => /^hmget$/i.test(name) && key.endsWith(":shards"),
    20_000,
  );
  proxy.refuse(false);
  expect(await asked).toBe(true);
  const release = proxy.holdReplies();
  const numbers = Array.from({ length: 40 }, (_, i) => i);
  const map = pool.map("increment", numbers, { chunksize: 1 });
  await until(() => map.progress.done > 0, { what: "the map to be under way" });
  release();
  expect(await map).toEqual(numbers.map((n) => n + 1));
});
