/** What a cancel leaves: nothing that runs, for nobody, at a cost in proportion to what waits. */

import { fileURLToPath } from "node:url";

import { GatherScripts, jobIdOf } from "@poolmq/shared/redis";
import { expect, onTestFinished, test, vi } from "vitest";

import { Crew } from "../../../packages/worker/src/crew/crew.ts";
import { redisForFile } from "../../support/redis-server.ts";
import { Marks, rejection, Stage, TASKS } from "../../support/stage.ts";
import { until } from "../../support/until.ts";
import { waitingJobs } from "../../support/waiting-jobs.ts";
import { startWorker } from "../../support/worker-program.ts";

const redis = redisForFile();

/** Processor time that Redis has used, in ms. */
async function usedMs(): Promise<number> {
  const text = await redis().admin.info("cpu");
  const seconds = [...text.matchAll(/used_cpu_(?:user|sys):([\d.]+)/g)].map(([, value]) => Number(value));
  return seconds.reduce((sum, value) => sum + value, 0) * 1_000;
}

async function waiting(stage: Stage): Promise<number> {
  return await waitingJobs(redis().admin, stage.keys);
}

test("cancelling jobs that wait costs Redis a few times what enqueuing them did", async () => {
  const stage = new Stage(redis());
  const pool = stage.pool();
  await pool.stats();
  const count = 30_000;
  const before = await usedMs();
  const map = pool.map("increment", [...Array(count).keys()], { mapId: "large" });
  await until(async () => (await waiting(stage)) === count, { what: "the jobs", timeoutMs: 30_000 });
  const enqueued = await usedMs();
  map.cancel();
  await until(async () => (await waiting(stage)) === 0, { what: "no job to wait", timeoutMs: 30_000 });
  // Job by job, it was fifty times as much.
  expect((await usedMs()) - enqueued).toBeLessThan(5 * (enqueued - before));
  await expect.poll(() => redis().admin.keys(stage.keys.job("large-*"))).toEqual([]);
}, 60_000);

test("cancelling a map leaves the jobs of others as they are, in their order", async () => {
  const stage = new Stage(redis());
  const pool = stage.pool();
  const others = async (): Promise<string[]> => {
    const stages = ["a", "b", "a-1", "c"].map((id) => redis().admin.lrange(stage.keys.stage(id), 0, -1));
    return (await Promise.all(stages)).flat();
  };
  const maps = [];
  for (const [mapId, count] of [
    ["a", 700],
    ["b", 1_300],
    ["a-1", 600],
    ["c", 700],
  ] as const) {
    const before = await waiting(stage);
    maps.push(pool.map("increment", [...Array(count).keys()], { mapId }));
    await until(async () => (await waiting(stage)) === before + count, { what: `map ${mapId}` });
  }
  const expected = (await others()).filter((id) => !/^[ab]-\d+$/.test(id));
  expect(expected.length).toBe(1_300);
  maps[1]?.cancel();
  maps[0]?.cancel();
  await expect.poll(() => waiting(stage)).toBe(1_300);
  expect(await others()).toEqual(expected);
  await expect.poll(() => redis().admin.exists(stage.keys.job(jobIdOf("b", 0)))).toBe(0);
});

test("jobs that wait by priority, or for another attempt, are removed too", async () => {
  const stage = new Stage(redis());
  await stage.machine({ concurrency: 2 });
  const pool = stage.pool();
  const map = pool.map("fail", [1, 3, 5, 7, 9, 11], {
    attempts: 5,
    backoff: { type: "fixed", delayMs: 60_000 },
  });
  const delayed = stage.keys.job("delayed");
  await until(async () => (await redis().admin.zcard(delayed)) === 6, { what: "all to be delayed" });
  map.cancel();
  await expect.poll(() => redis().admin.zcard(delayed)).toBe(0);
});

test("cancel() of an attached handle ends the map for its producer too", async () => {
  const stage = new Stage(redis());
  const marks = new Marks();
  await stage.machine();
  const call = { log: marks.log, gate: marks.gate };
  const map = stage.pool().map("gated", [call, call, call, call], { mapId: "m" });
  void map.wait();
  await marks.started(1);
  const attached = stage.pool().attach("m");
  void attached.wait();
  attached.cancel("enough");
  expect(await rejection(map)).toMatchObject({ code: "CANCELLED" });
  expect(await rejection(attached)).toMatchObject({ code: "CANCELLED", cause: "enough" });
  await expect.poll(() => redis().admin.keys(stage.keys.job("m-*"))).toEqual([]);
  expect(marks.lines.length).toBe(1);
});

test("what ran on a machine that died does not run again once its map is cancelled", async () => {
  const stage = new Stage(redis());
  const marks = new Marks();
  const machine = startWorker(fileURLToPath(TASKS), { url: redis().url, queue: stage.queue });
  onTestFinished(() => machine[Symbol.asyncDispose]());
  const pool = stage.pool();
  const map = pool.map("gated", [{ log: marks.log, gate: marks.gate }]);
  void map.wait();
  await marks.started(1);
  machine.kill("SIGKILL");
  await machine.exited;
  map.cancel();
  await pool.terminate();
  // If the list is deleted in which it will wait to be dropped, it goes by itself.
  expect(await redis().admin.pttl(stage.keys.job(jobIdOf(map.id, 0)))).toBeGreaterThan(0);
  await stage.machine();
  const job = (): Promise<string[]> => redis().admin.keys(stage.keys.job("*-0"));
  await until(async () => (await job()).length === 0, { what: "the job to be dropped", timeoutMs: 20_000 });
  expect(marks.lines.length).toBe(1);
}, 40_000);

test("an item whose map is cancelled while the machine fetches its shared value never begins", async () => {
  const stage = new Stage(redis());
  const marks = new Marks();
  const [fetched, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const { share } = GatherScripts.prototype;
  vi.spyOn(GatherScripts.prototype, "share").mockImplementation(async function (this: GatherScripts, id) {
    const text = await share.call(this, id);
    fetched.resolve();
    await released.promise;
    return text;
  });
  const cancel = vi.spyOn(Crew.prototype, "cancel");
  onTestFinished(() => void vi.restoreAllMocks());
  await stage.machine();
  const pool = stage.pool<{ gated: (call: object, shared: object) => Promise<number> }>();
  const call = { log: marks.log, gate: marks.gate };
  const map = pool.starmap("gated", [[call, await pool.share({ any: "thing" })]]);
  void map.wait();
  await fetched.promise;
  map.cancel();
  await until(() => cancel.mock.calls.some(([mapId]) => mapId === map.id), {
    what: "the machine to hear it",
  });
  released.resolve();
  const job = stage.keys.job(jobIdOf(map.id, 0));
  await until(async () => (await redis().admin.exists(job)) === 0, { what: "the job to be dropped" });
  expect(marks.lines).toEqual([]);
});
