/** Redis Cluster with three primaries, of which one fails, and whose slots move. */

import { expect, test } from "vitest";

import type * as faultTasks from "../fixtures/fault-tasks.ts";
import { doubled, expectWhole, FaultStage, figure, RunLog, Watched } from "../support/fault-stage.ts";
import { RedisCluster } from "../support/redis-cluster.ts";
import { Marks, rejection, Stage } from "../support/stage.ts";
import { until } from "../support/until.ts";

/** A stage whose queue lies on the primary at this position. */
async function stageOn<S extends Stage>(make: () => S, cluster: RedisCluster, place: number): Promise<S> {
  for (;;) {
    const stage = make();
    if ((await cluster.ownerOf(stage.keys.workers)) === place) return stage;
  }
}

/** Travels beside the text. */
const LARGE = Buffer.alloc(200_000, 7);

test("queues on different primaries are served side by side, with all that a pool can do", async () => {
  const cluster = await RedisCluster.start();
  const { connection } = cluster;
  const everything = async (place: number): Promise<void> => {
    const stage = await stageOn(() => new Stage({ url: "" }), cluster, place);
    await stage.machine({ connection });
    const pool = stage.pool({ connection });
    await pool.ready(1);
    expect(await pool.stats()).toMatchObject({ machines: 1, workers: 1 });
    expect(await pool.map("increment", [1, 2, 3])).toEqual([2, 3, 4]);
    expect(await pool.map("echo", [LARGE, 1])).toEqual([LARGE, 1]);
    expect(
      await pool.starmap(
        "add",
        [
          [1, 2],
          [3, 4],
        ],
        { chunksize: 2 },
      ),
    ).toEqual([3, 7]);
    expect(await Array.fromAsync(pool.imap("increment", [1, 2, 3]))).toEqual([2, 3, 4]);
    expect(await pool.apply("add", [20, 22])).toBe(42);
    const shared = await pool.share(40);
    expect(await pool.starmap("add", [[shared, 2]])).toEqual([42]);
    expect(await pool.map("increment", [1, 2, 3], { mapId: "durable" })).toEqual([2, 3, 4]);
    expect(await rejection(pool.attach("durable"))).toMatchObject({ code: "UNKNOWN_MAP" });
    const limit = { key: "service", concurrency: 1, ratePerSecond: 1_000 };
    expect(await pool.map("increment", [1, 2, 3, 4, 5], { limit })).toEqual([2, 3, 4, 5, 6]);
    const cancelled = pool.map(
      "increment",
      Array.from({ length: 2_000 }, (_, x) => x),
    );
    cancelled.cancel();
    expect(await rejection(cancelled)).toMatchObject({ code: "CANCELLED" });
    // All that it made lies there.
    expect(await cluster.primaries[place]?.admin.exists(stage.keys.workers)).toBe(1);
  };
  await Promise.all([0, 1, 2].map(everything));
});

test("a pool with workers of its own runs on a Cluster, and hands calls to them", async () => {
  const cluster = await RedisCluster.start();
  const stage = new Stage({ url: "" });
  const pool = stage.localPool({ connection: cluster.connection });
  expect(await pool.map("increment", [1, 2, 3])).toEqual([2, 3, 4]);
  const admin = cluster.primaries[await cluster.ownerOf(stage.keys.idle)]?.admin;
  await until(async () => (await admin?.exists(stage.keys.idle)) === 1, { what: "the machine to wait" });
  const marks = new Marks();
  const result = pool.apply("gated", [{ log: marks.log, gate: marks.gate }]);
  await marks.started(1);
  const [id = ""] = (await admin?.lrange(stage.keys.job("active"), 0, -1)) ?? [];
  // The token of a job that is fetched has no time.
  expect(await admin?.get(stage.keys.job(`${id}:lock`))).toMatch(/:\d{13}$/);
  marks.open();
  expect(await result).toEqual(expect.any(Number));
  expect(await pool.apply("increment", [1])).toBe(2);
});

test(
  "a primary that is killed in the middle of a map: its replica takes over, and nothing is lost",
  { timeout: 60_000 },
  async () => {
    const cluster = await RedisCluster.start({ replica: true });
    const { connection } = cluster;
    const stage = await stageOn(() => new FaultStage({ url: "" }), cluster, 0);
    const log = new RunLog();
    await stage.machineProcess({ connection, concurrency: 4 });
    const pool = stage.pool<typeof faultTasks>({ connection, window: 500 });
    const map = new Watched<number>((options) => pool.map("work", log.items(1_500, { ms: 2 }), options));
    await map.done(300);
    await cluster.primaries[0]?.kill();
    const since = performance.now();
    const { done } = map.result.progress;
    await until(() => map.result.progress.done > done + 20, { what: "the map to go on", timeoutMs: 30_000 });
    figure(18, "goes on after a primary of a Cluster was killed", (performance.now() - since) / 1_000, "s");
    await expectWhole(map, doubled(1_500));
    figure(18, "items run again after that, of 1,500", log.reruns, "");
  },
);

test("a queue whose slot moves to another primary between two maps is followed there", async () => {
  const cluster = await RedisCluster.start();
  const { connection } = cluster;
  const stage = await stageOn(() => new Stage({ url: "" }), cluster, 0);
  await stage.machine({ connection });
  const pool = stage.pool({ connection });
  expect(await pool.map("increment", [1, 2, 3])).toEqual([2, 3, 4]);
  const [from, to] = cluster.primaries;
  if (from === undefined || to === undefined) throw new Error("The Cluster has no primaries");
  await cluster.moveSlotOf(stage.keys.workers, from, to);
  expect(await pool.map("echo", [LARGE, 1])).toEqual([LARGE, 1]);
  expect(await pool.map("increment", [1, 2, 3])).toEqual([2, 3, 4]);
  expect(await to.admin.exists(stage.keys.workers)).toBe(1);
});
