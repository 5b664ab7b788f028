/** Jobs that Redis loses while their map is busy, or that exist and that no worker will ever get. */

import { setImmediate as turn } from "node:timers/promises";

import type { Pool } from "@poolmq/producer";
import { Gather, MapRun, singles } from "@poolmq/producer/internal";
import { resolveConnection } from "@poolmq/shared/internal";
import { connect, destroyConnection, GatherScripts, jobIdOf } from "@poolmq/shared/redis";
import { Queue, Worker } from "bullmq";
import { expect, onTestFinished, test } from "vitest";

import { ForsakenJobs } from "../../../packages/worker/src/queue/forsaken-jobs.ts";
import type * as tasks from "../../fixtures/tasks.ts";
import { Program } from "../../support/processes.ts";
import { redisForFile } from "../../support/redis-server.ts";
import { Marks, rejection, Stage } from "../../support/stage.ts";
import { until } from "../../support/until.ts";

const redis = redisForFile();

function* endless(): Generator<number> {
  for (let index = 0; ; index++) yield index;
}

/**
 * Reads an endless stream, which is never quiet, until told to stop. Its items wait, so that a stream that goes on for
 * seconds leaves the processors to other tests.
 */
class BusyStream {
  readonly seen = new Set<number>();
  #stop = false;

  constructor(pool: Pool<typeof tasks>) {
    // It may be cancelled with its pool, at the end of the test.
    this.#readOn(pool).catch(() => {});
    onTestFinished(() => void (this.#stop = true));
  }

  async #readOn(pool: Pool<typeof tasks>): Promise<void> {
    for await (const result of pool.imapUnordered("later", endless(), { buffersize: 500 })) {
      this.seen.add(result);
      if (this.#stop) return;
    }
  }
}

async function busy(): Promise<{ stage: Stage; stream: BusyStream; mapId: () => Promise<string> }> {
  const stage = new Stage(redis());
  await stage.machine({ concurrency: 20 });
  const stream = new BusyStream(stage.pool());
  await until(() => stream.seen.size > 600, { what: "the stream to be busy", timeoutMs: 20_000 });
  const mapId = async (): Promise<string> => {
    const [key = ""] = await redis().admin.keys(stage.keys.done("*"));
    return key.split(":").at(-2) ?? "";
  };
  return { stage, stream, mapId };
}

test("jobs that vanish while the map stays busy run all the same", { timeout: 60_000 }, async () => {
  const { stage, stream } = await busy();
  const { admin } = redis();
  const wait = stage.keys.job("wait");
  const lost = await admin.lrange(wait, 0, 19);
  for (const id of lost) await admin.multi().lrem(wait, 0, id).del(stage.keys.job(id)).exec();
  expect(lost.length).toBe(20);
  const indices = lost.map((id) => Number(id.split("-").at(-1)));
  await until(() => indices.every((index) => stream.seen.has(index)), {
    what: "the lost items",
    timeoutMs: 20_000,
  });
});

test("outcomes that vanish while the map stays busy are made again", { timeout: 60_000 }, async () => {
  const { stage, stream, mapId } = await busy();
  const { admin } = redis();
  const id = await mapId();
  // As if an outcome had been published, and its entry lost: the job is gone, its bit set.
  const wait = stage.keys.job("wait");
  const lost = await admin.lrange(wait, 0, 9);
  for (const job of lost) {
    const index = Number(job.split("-").at(-1));
    const key = stage.keys.job(job);
    await admin.multi().setbit(stage.keys.done(id), index, 1).lrem(wait, 0, job).del(key).exec();
  }
  const indices = lost.map((job) => Number(job.split("-").at(-1)));
  await until(() => indices.every((index) => stream.seen.has(index)), {
    what: "the lost items",
    timeoutMs: 30_000,
  });
});

test("jobs that Redis has not taken yet are not looked for, however busy the program is", async () => {
  const { queue, keys } = new Stage(redis());
  const resolved = resolveConnection(redis().url, {});
  if (resolved === undefined) throw new Error("No connection");
  const [commands, blocking] = await Promise.all([
    connect(resolved, { role: "commands" }),
    connect(resolved, { role: "blocking" }),
  ]);
  onTestFinished(() => destroyConnection(commands));
  const warnings: string[] = [];
  const hooks = {
    warn: (_: object, message: string) => void warnings.push(message),
    alarm: () => {},
    cleaning: () => {},
    ownWorkers: false,
  };
  const gathered = { keys, queue, signer: undefined, signatureTtlMs: 60_000 };
  const gather = new Gather(commands, blocking, gathered, hooks, { firstMs: 1, tickMs: 1 });
  onTestFinished(() => gather.close(() => destroyConnection(blocking)));
  const begun = async (id: string): Promise<{ readonly map: MapRun; readonly isAdded: () => boolean }> => {
    const map = new MapRun(
      {
        id,
        task: "increment",
        call: "map",
        input: singles("map", [1, 2, 3, 4]).source,
        length: 4,
        chunkSize: { next: () => 1, measured: () => {}, why: () => "", ahead: Infinity },
        window: { jobs: Infinity, bytes: Infinity, items: Infinity },
        job: {},
        keepsUntilRead: false,
        wholeChunks: true,
        argumentLimit: undefined,
        classes: () => undefined,
        callSite: () => undefined,
      },
      { succeeded: () => {}, failed: () => {}, ended: () => {} },
    );
    await gather.open(map, "plain");
    let isAdded = false;
    void map.start(gather).then(() => (isAdded = true));
    return { map, isAdded: () => isAdded };
  };
  const first = await begun("first");
  await until(first.isAdded, { what: "its jobs to be added" });
  first.map.fail(new Error("cancelled"));
  // Redis forgets the script that adds jobs, which is then sent again, and not the one that looks for lost jobs.
  await redis().admin.script("FLUSH");
  await gather.scripts.reconcile("another", [0]);
  const second = await begun("second");
  while (!second.isAdded()) {
    // Timers are overdue before the answers of Redis are read.
    for (const end = performance.now() + 5; performance.now() < end;);
    await turn();
  }
  // Whoever looks declares that the map is wanted before it says what it found.
  await gather.reopen(second.map);
  await turn();
  expect(warnings).toEqual([]);
  second.map.fail(new Error("cancelled"));
});

test.for(["completed", "failed"] as const)(
  "jobs that another BullMQ worker keeps as %s are enqueued again",
  { timeout: 60_000 },
  async (how) => {
    const stage = new Stage(redis());
    const map = stage.pool().map("increment", [...Array(20).keys()]);
    await until(async () => (await redis().admin.llen(stage.keys.job("wait"))) === 20, { what: "the jobs" });
    const other = new Worker(
      stage.keys.bullName,
      async () => {
        if (how === "failed") throw new Error("not mine");
      },
      { connection: redis().admin, prefix: stage.keys.bullPrefix },
    );
    other.on("error", () => {});
    await until(async () => (await redis().admin.zcard(stage.keys.job(how))) > 2, {
      what: "it to take some",
    });
    await other.close();
    await stage.machine();
    expect(await map).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
    await expect.poll(() => redis().admin.keys(stage.keys.job("*-[0-9]"))).toEqual([]);
  },
);

test("jobs whose list was deleted are enqueued again", { timeout: 60_000 }, async () => {
  const { admin } = redis();
  const losses = [
    (stage: Stage) => admin.del(stage.keys.job("wait")),
    // Of the second map, which is staged because the first one is there.
    (stage: Stage, mapId: string) => admin.del(stage.keys.stage(mapId)),
    (stage: Stage) => admin.del(stage.keys.turns),
    // Where older BullMQs keep the jobs of a paused queue, which this one is not.
    (stage: Stage) => admin.renamenx(stage.keys.job("wait"), stage.keys.job("paused")),
  ];
  // Side by side: each waits until its producer looks for what is lost.
  const results = losses.map(async (lose) => {
    const stage = new Stage(redis());
    const pool = stage.pool();
    const first = pool.map("increment", [1, 2, 3]);
    await until(async () => (await admin.llen(stage.keys.job("wait"))) === 3, { what: "the jobs" });
    const second = pool.map("increment", [4, 5, 6]);
    await until(async () => (await admin.llen(stage.keys.stage(second.id))) === 3, { what: "the others" });
    expect(await lose(stage, second.id)).toBe(1);
    await stage.machine();
    return [...(await first), ...(await second)];
  });
  expect(await Promise.all(results)).toEqual(Array(losses.length).fill([2, 3, 4, 5, 6, 7]));
});

test.for([
  ["turns", (stage: Stage) => stage.keys.turns],
  ["the list of its waiting jobs", (stage: Stage) => stage.keys.stage("m")],
] as const)(
  "a handle of attach() gets over the loss of %s when the map's producer is gone",
  async ([, key]) => {
    const stage = new Stage(redis());
    const producer = stage.pool();
    const left = producer.map("increment", [...Array(20).keys()], { mapId: "m" });
    await left.detach();
    await producer.terminate();
    expect(await rejection(left)).toMatchObject({ code: "CANCELLED" });
    const attached = stage.pool().attach("m");
    await until(() => attached.progress.total === 20, { what: "the map to be attached" });
    expect(await redis().admin.del(key(stage))).toBe(1);
    await stage.machine();
    expect(await attached).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
  },
);

test.for([
  { queue: "that is plain", delayed: false },
  { queue: "that has delayed jobs which are due", delayed: true },
])(
  "jobs whose list is deleted while they run leave nothing behind, on a queue $queue",
  async ({ delayed }) => {
    const stage = new Stage(redis());
    const { admin } = redis();
    const marks = new Marks();
    await stage.machine({ concurrency: 2 });
    const pool = stage.pool();
    const calls = Array.from({ length: 2 }, () => ({ log: marks.log, gate: marks.gate }));
    const map = pool.map("gated", calls, { chunksize: 1 });
    await marks.started(2);
    // BullMQ's own scripts complete the jobs then.
    if (delayed) await admin.zadd(stage.keys.job("delayed"), 1, "of-nobody");
    expect(await admin.del(stage.keys.job("active"))).toBe(1);
    marks.open();
    expect(await map).toHaveLength(2);
    await until(async () => (await admin.keys(stage.keys.job("*-[0-9]*"))).length === 0, {
      what: "the jobs and their locks to be gone",
    });
  },
);

test("jobs that wait for a worker, run, or are delayed stay as they are, however long", async () => {
  const stage = new Stage(redis());
  const pool = stage.pool();
  const maps = [
    pool.map("increment", [1, 2, 3]),
    pool.map("increment", [1, 2, 3], { priority: 3 }),
    pool.map("increment", [1, 2, 3], { mapId: "m" }),
  ];
  const ids = async (): Promise<unknown> => [
    await redis().admin.lrange(stage.keys.job("wait"), 0, -1),
    await redis().admin.zrange(stage.keys.job("prioritized"), "0", "-1"),
  ];
  await until(async () => (await redis().admin.keys(stage.keys.job("*-?"))).length === 9, {
    what: "the jobs",
  });
  const before = await ids();
  const looked = await redis().admin.info("commandstats");
  await until(
    async () => {
      const calls = (text: string): number => Number(/cmdstat_lrange:calls=(\d+)/.exec(text)?.[1] ?? 0);
      return calls(await redis().admin.info("commandstats")) > calls(looked) + 1;
    },
    { what: "the producer to look for jobs in limbo", timeoutMs: 40_000 },
  );
  expect(await ids()).toEqual(before);
  await stage.machine();
  for (const map of maps) expect(await map).toEqual([2, 3, 4]);
}, 60_000);

test("jobs of a dead producer whose list was deleted go by themselves, and no others do", async () => {
  const { admin, url } = redis();
  const stage = new Stage(redis());
  const { keys } = stage;
  const wait = keys.job("wait");
  const producer = Program.source(
    `import { Pool } from "@poolmq/producer";
     const [connection, queue] = process.argv.slice(-2);
     void new Pool({ connection, queue }).map("increment", [1, 2, 3]);`,
    { args: [url, stage.queue] },
  );
  onTestFinished(() => producer[Symbol.asyncDispose]());
  await until(async () => (await admin.llen(wait)) === 3, { what: "its jobs", timeoutMs: 20_000 });
  producer.kill("SIGKILL");
  await producer.exited;
  const ids = await admin.lrange(wait, 0, -1);
  const dead = ids.map((id) => keys.job(id));
  const mapId = dead[0]?.slice(keys.job("").length).split("-")[0] ?? "";
  // One of them is damaged, another one is a hash that only has what BullMQ counts.
  await admin.hset(dead[1] ?? "", "data", "not JSON");
  await admin.hdel(dead[2] ?? "", "data");
  expect(await admin.del(wait)).toBe(1);
  // A map that is not alone stages its jobs, and takes no turns once somebody has deleted these.
  await admin.lpush(keys.stage(mapId), ids[0] ?? "");
  dead.push(keys.stage(mapId));
  // As if the ten minutes had passed after which its map is given up.
  expect(await admin.del(keys.done(mapId))).toBe(1);

  const living = stage.pool().map("increment", [4]);
  const other = new Queue(keys.bullName, { connection: { url }, prefix: keys.bullPrefix });
  onTestFinished(() => other.close());
  await other.add("order", { map: "another" }, { jobId: "order-12" });
  const others = [keys.job(jobIdOf(living.id, 0)), keys.job("order-12")];
  await until(async () => (await admin.exists(others)) === 2, { what: "the other jobs" });
  const leftMs = async (some: readonly string[]): Promise<number[]> =>
    await Promise.all(some.map(async (key) => await admin.pttl(key)));
  expect(await leftMs(dead)).toEqual([-1, -1, -1, -1]);

  const store = new GatherScripts(admin, keys);
  const isWanted = async (id: string): Promise<boolean> => await store.wanted(id);
  const jobs = new ForsakenJobs({ redis: admin, keys, isWanted }, 1);
  onTestFinished(() => jobs.close());
  await until(async () => (await leftMs(dead)).every((ms) => ms > 0), { what: "them to have an end" });
  expect(await leftMs(others)).toEqual([-1, -1]);
  // No other machine looks again on the same day.
  const day = 24 * 60 * 60_000;
  expect(await admin.pttl(keys.swept)).toSatisfy((ms: number) => ms > day / 2 && ms < day);
});
