/** What producers tell of their maps. */

import { MapControl } from "@poolmq/worker/control";
import { Queue } from "bullmq";
import { expect, onTestFinished, test } from "vitest";

import { Program } from "../../support/processes.ts";
import { redisForFile } from "../../support/redis-server.ts";
import { rejection } from "../../support/stage.ts";
import { until } from "../../support/until.ts";
import { Watched } from "../../support/watched.ts";

const redis = redisForFile();

test("a map that runs tells how far it is, and what its items failed of", async () => {
  const stage = new Watched(redis());
  // Items may begin in any order: two processes could both wait before all others have run.
  await stage.workers(3);
  const map = stage.client().map("step", stage.steps("end", "fail", "end", "fail", "wait", "wait"));
  const seen = await stage.map(map.id, ({ failed }) => failed === 2);
  expect(seen).toMatchObject({
    task: "step",
    call: "map",
    state: "running",
    durable: false,
    producer: { pid: process.pid, alive: true },
    endedAtMs: null,
    total: 6,
    done: 4,
    failed: 2,
    running: 2,
    reason: null,
  });
  expect(seen.itemsPerS).toBeGreaterThan(0);
  expect(seen.leftMs).toBeGreaterThan(0);
  expect(seen.runTimes.items).toBe(4);
  expect(seen.runTimes.histogram.reduce((sum, { items }) => sum + items, 0)).toBe(4);
  const errors = await stage.watcher.errors(map.id);
  expect(errors).toMatchObject({ task: "step", failed: 2, others: 0 });
  expect(errors?.groups).toMatchObject([{ name: "RangeError", count: 2, indices: [1, 3] }]);
  expect(errors?.groups[0]?.stack).toMatch(/watched-tasks\.ts.*called by the producer: map\(\)/s);
  stage.marks.open();
  await rejection(map);
  const ended = await stage.map(map.id, ({ state }) => state === "failed");
  expect(ended).toMatchObject({ total: 6, done: 6, failed: 2, running: 0, leftMs: null, reason: null });
  expect(ended.endedAtMs).toBeGreaterThan(ended.startedAtMs);
  expect(ended.producer.alive).toBe(false);
});

test("kinds of errors that Redis did not take are told again", async () => {
  const stage = new Watched(redis());
  const { admin } = redis();
  await stage.workers();
  const map = stage.client().map("step", stage.steps("fail", "wait"));
  // Any refusal would do: the first report is due a second after the map began.
  const key = stage.keys.errors(map.id);
  await admin.set(key, "of somebody else");
  await stage.map(map.id, ({ failed }) => failed === 1);
  await admin.del(key);
  await until(async () => (await stage.watcher.errors(map.id))?.groups[0]?.name === "RangeError", {
    what: "the error to be told",
  });
  stage.marks.open();
  await rejection(map);
});

test("a map that succeeds within a second is not told of, and costs nothing", async () => {
  const stage = new Watched(redis());
  await stage.workers();
  const pool = stage.client();
  await pool.ready();
  await pool.map("step", stage.steps("end", "end"));
  await pool.apply("step", [{ does: "end", x: 1, gate: "" }]);
  await pool.terminate();
  expect(await redis().admin.exists(stage.keys.maps, stage.keys.mapInfo)).toBe(0);
});

test("a map that fails within a second is told of, with its errors, with a mapId or without", async () => {
  const stage = new Watched(redis());
  await stage.workers();
  const pool = stage.client();
  await pool.ready();
  const many = Array.from({ length: 20 }, () => pool.map("step", stage.steps("end", "fail")));
  await Promise.all(many.map((map) => rejection(map)));
  await rejection(pool.map("step", stage.steps("fail", "end", "fail"), { mapId: "durable" }));
  await rejection(
    pool.map(
      "step",
      (function* () {
        yield* stage.steps("end");
        throw new Error("the input broke");
      })(),
    ),
  );
  pool.close();
  await pool.join();
  const { maps } = await stage.watcher.read();
  expect(maps).toHaveLength(22);
  for (const { id } of many) {
    expect(maps.find((map) => map.id === id)).toMatchObject({
      state: "failed",
      total: 2,
      done: 2,
      failed: 1,
    });
    expect((await stage.watcher.errors(id))?.groups).toMatchObject([{ name: "RangeError", indices: [1] }]);
  }
  expect(maps.find(({ id }) => id === "durable")).toMatchObject({ failed: 2, retriable: true });
  expect(maps.map(({ reason }) => reason)).toContain("the input broke");
});

test("a map has begun at one moment, whenever one looks, and maps keep their places", async () => {
  const stage = new Watched(redis());
  await stage.workers();
  const pool = stage.client();
  const maps = Array.from({ length: 8 }, () => pool.map("step", stage.steps("wait")));
  const looks: string[] = [];
  await until(
    async () => {
      const view = await stage.watcher.read();
      if (view.maps.length < maps.length) return false;
      const look = JSON.stringify(view.maps.map(({ id, startedAtMs }) => [id, startedAtMs]));
      if (looks.at(-1) !== look || looks.length < 8) looks.push(look);
      return view.atMs - Math.min(...view.maps.map(({ startedAtMs }) => startedAtMs)) > 4_500;
    },
    { what: "four reports", everyMs: 100 },
  );
  expect(new Set(looks).size).toBe(1);
  stage.marks.open();
  await Promise.all(maps);
  await stage.map(maps[0]?.id ?? "", ({ state }) => state === "done");
  const ended = await stage.watcher.read();
  const [first = ""] = looks;
  for (const [id, startedAtMs] of JSON.parse(first) as [string, number][]) {
    expect(ended.maps.find((map) => map.id === id)?.startedAtMs).toBe(startedAtMs);
  }
});

test("after a retry, what fails again is counted again, whatever the chunks, and nobody has to attach", async () => {
  const stage = new Watched(redis());
  await stage.workers();
  const pool = stage.client();
  const control = new MapControl(redis().admin, stage);
  onTestFinished(() => control.close());
  for (const [mapId, chunksize] of [
    ["single", 1],
    ["chunks", 3],
  ] as const) {
    const steps = stage.steps("end", "fail", "end", "fail", "end", "end", "end", "fail");
    await rejection(pool.map("step", steps, { mapId, chunksize }));
    await stage.map(mapId, ({ state }) => state === "failed");
    expect(await control.retry(mapId)).toMatchObject({ items: expect.any(Number) as number });
    const again = await stage.map(mapId, ({ done }) => done === 8);
    expect(again).toMatchObject({ done: 8, failed: 3, running: 0, leftMs: null });
    const errors = await stage.watcher.errors(mapId);
    expect(errors).toMatchObject({ failed: 3, others: 0 });
    expect(errors?.groups).toMatchObject([{ name: "RangeError", count: 3, indices: [1, 3, 7] }]);
    const outcomes = await pool.attach(mapId).settled();
    expect(outcomes.filter(({ status }) => status === "rejected")).toHaveLength(3);
  }
});

test("a paused queue says so, and its maps that they wait for it", async () => {
  const stage = new Watched(redis());
  await stage.workers();
  const queue = new Queue(stage.keys.bullName, { connection: redis().admin, prefix: stage.keys.bullPrefix });
  onTestFinished(() => queue.close());
  await queue.pause();
  const map = stage.client().map("step", stage.steps("end", "end"));
  expect(await stage.map(map.id, ({ waitsFor }) => waitsFor !== null)).toMatchObject({
    state: "running",
    waitsFor: "resume",
    leftMs: null,
    itemsPerS: 0,
  });
  expect(await stage.watcher.read()).toMatchObject({ paused: true, jobs: { waiting: 2 } });
  await queue.resume();
  await map;
  expect(await stage.watcher.read()).toMatchObject({ paused: false });
});

test("a map that others hold up waits, and has no time left that anybody knows", async () => {
  const stage = new Watched(redis());
  const pool = stage.client();
  const early = pool.map("step", stage.steps("end", "end"));
  expect(await stage.map(early.id, ({ waitsFor }) => waitsFor !== null)).toMatchObject({
    waitsFor: "workers",
  });
  await stage.workers();
  await early;
  const busy = pool.map("step", stage.steps("wait"), { priority: 1 });
  await stage.map(busy.id, ({ running }) => running === 1);
  const behind = pool.map("step", stage.steps("end", "end"), { priority: 2 });
  const seen = await stage.map(behind.id, ({ waitsFor }) => waitsFor !== null);
  expect(seen).toMatchObject({ state: "running", waitsFor: "turn", leftMs: null });
  expect(await stage.map(busy.id)).toMatchObject({ waitsFor: null });
  stage.marks.open();
  await Promise.all([busy, behind]);
});

test("a map that waits for its limit, or for another attempt, says so", async () => {
  const stage = new Watched(redis());
  await stage.workers(3);
  const pool = stage.client();
  const limit = { key: "service", concurrency: 1 };
  const holder = pool.map("step", stage.steps("wait"), { limit });
  await until(async () => (await redis().admin.hlen(stage.keys.limitHeld("service"))) === 1, {
    what: "the permit to be taken",
  });
  const limited = pool.map("step", stage.steps("end", "end"), { limit });
  const again = pool.map("step", stage.steps("fail"), { attempts: 2, backoff: 600_000 });
  const [waits, retries] = await Promise.all(
    [limited, again].map(({ id }) => stage.map(id, ({ waitsFor }) => waitsFor !== null)),
  );
  expect(waits).toMatchObject({ state: "running", waitsFor: "limit", leftMs: null });
  expect(retries).toMatchObject({ state: "running", waitsFor: "retry", leftMs: null });
  expect(await stage.map(holder.id)).toMatchObject({ waitsFor: null });
  // A machine reports that an item failed before its job is put among those that wait for their time.
  const jobs = { waiting: 0, active: 1, delayed: 1, limited: 2 };
  await expect.poll(async () => (await stage.watcher.read()).jobs).toEqual(jobs);
  again.cancel();
  await rejection(again);
  stage.marks.open();
  await Promise.all([holder, limited]);
});

test("a stream of endless input has neither a total nor a time left", async () => {
  const stage = new Watched(redis());
  await stage.workers();
  const [item] = stage.steps("end");
  const endless = (function* () {
    while (item !== undefined) yield item;
  })();
  const stream = stage.client().imap("step", endless);
  await stream.next();
  const seen = await stage.map(stream.id);
  expect(seen).toMatchObject({ call: "imap", state: "running", total: null, leftMs: null });
  stream.cancel("seen enough");
  const ended = await stage.map(stream.id, ({ state }) => state === "cancelled");
  expect(ended.reason).toContain("seen enough");
});

test("a map whose producer is gone is lost, unless it has a mapId", async () => {
  const stage = new Watched(redis());
  await using producer = Program.source(`
    import { Pool } from "@poolmq/producer";
    const pool = new Pool({ connection: ${JSON.stringify(redis().url)}, queue: ${JSON.stringify(stage.queue)} });
    const items = ${JSON.stringify(stage.steps("end", "end", "wait"))};
    console.log("ids", pool.map("step", items).id, pool.map("step", items, { mapId: "kept" }).id);
  `);
  const [, lost = ""] = await producer.line(/ids (\S+) kept/);
  for (const id of [lost, "kept"]) {
    expect(await stage.map(id)).toMatchObject({ state: "running", producer: { pid: producer.pid } });
  }
  producer.kill("SIGKILL");
  await producer.exited;
  await stage.workers(3);
  for (const id of [lost, "kept"]) await stage.age(id, 11_000);
  expect(await stage.map(lost)).toMatchObject({ state: "lost", reason: "its producer is gone" });
  // What the workers have done since is seen in Redis.
  expect(await stage.map("kept", ({ done }) => done === 2)).toMatchObject({
    state: "running",
    durable: true,
    producer: { alive: false },
    total: 3,
    running: 1,
    leftMs: null,
  });
  stage.marks.open();
  expect(await stage.client().attach("kept")).toEqual([0, 1, 2]);
  expect(await stage.map("kept", ({ state }) => state === "done")).toMatchObject({
    done: 3,
    failed: 0,
  });
});

test("errors are kept by group, and bounded", async () => {
  const stage = new Watched(redis());
  // One of them is left to fail when the other waits: jobs of a burst may begin in another order.
  await stage.workers(2);
  const fails = stage.steps(...Array.from({ length: 150 }, () => "fail" as const), "wait");
  const map = stage.client().map("step", fails);
  await stage.map(map.id, ({ failed }) => failed === 150);
  const errors = await stage.watcher.errors(map.id);
  expect(errors?.groups.map(({ count, indices }) => [count, indices.length])).toEqual([[150, 100]]);
  map.cancel();
  await rejection(map);
  expect(await redis().admin.pttl(stage.keys.errors(map.id))).toBeGreaterThan(0);
  expect(await stage.watcher.errors("nope")).toBeUndefined();
});
