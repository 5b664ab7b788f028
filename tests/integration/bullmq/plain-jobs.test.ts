import { Queue, Worker } from "bullmq";
import type { Job, QueueOptions, RedisQueueBackend, WorkerOptions } from "bullmq";
import { describe, expect, onTestFinished, test } from "vitest";

import { completionsOf, fetchPlainJobs, GatherScripts, plainJobs, queueKeys } from "@poolmq/shared/redis";

import { outcomesIn } from "../../support/outcomes-in.ts";
import { redisForFile } from "../../support/redis-server.ts";
import { uniqueQueue } from "../../support/unique.ts";
import { until } from "../../support/until.ts";

const redis = redisForFile();

/** A queue with workers of both ways: BullMQ's own, and ours. */
class Both implements AsyncDisposable {
  readonly name = `{${uniqueQueue("plain")}}`;
  readonly #open: (Queue | Worker)[] = [];

  queue(ours: boolean, options: Partial<QueueOptions> = {}, stages = false): Queue {
    const { admin } = redis();
    const all = { connection: admin, ...options };
    const queue = ours
      ? new Queue(this.name, all, plainJobs(admin, undefined, stages))
      : new Queue(this.name, all);
    this.#open.push(queue);
    return queue;
  }

  worker(
    ours: boolean,
    process: (job: Job) => Promise<unknown>,
    options: Partial<WorkerOptions> = {},
  ): Worker {
    const { admin } = redis();
    const all = { connection: admin, removeOnComplete: { count: 0 }, concurrency: 20, ...options };
    const worker = ours
      ? new Worker(this.name, process, all, plainJobs(admin))
      : new Worker(this.name, process, all);
    worker.on("error", () => {});
    this.#open.push(worker);
    return worker;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#open.map((opened) => opened.close()));
    const left = await redis().admin.keys(`bull:${this.name}:*`);
    if (left.length > 0) await redis().admin.del(...left);
  }
}

class OpenWorker extends Worker {
  declare readonly backend: RedisQueueBackend;
}

const WAYS = [
  { adds: true, runs: true },
  { adds: true, runs: false },
  { adds: false, runs: true },
];

function jobs(count: number): { name: string; data: number; opts: { jobId: string } }[] {
  return Array.from({ length: count }, (_, i) => ({ name: "n", data: i, opts: { jobId: `j-${i}` } }));
}

describe("plain jobs", () => {
  test.each(WAYS)(
    "are run once each, in order (added our way: $adds, run our way: $runs)",
    async ({ adds, runs }) => {
      await using both = new Both();
      await both.queue(adds).addBulk(jobs(120));
      const seen: number[] = [];
      both.worker(runs, async (job) => void seen.push(job.data as number));
      await until(() => seen.length === 120, { what: "all jobs to run" });
      expect(seen).toEqual(jobs(120).map(({ data }) => data));
      const queue = both.queue(adds);
      await until(async () => Object.values(await queue.getJobCounts()).every((count) => count === 0), {
        what: "all jobs to be completed",
      });
      const left = await redis().admin.keys(`bull:${both.name}:*`);
      expect(left.filter((key) => key.includes("j-"))).toEqual([]);
    },
  );

  test.for([{}, { priority: 7 }])("look to BullMQ like its own: %o", async (more) => {
    await using both = new Both();
    const [ours, own] = [both.queue(true), both.queue(false)];
    const options = { attempts: 3, backoff: { type: "fixed", delay: 5, jitter: 0.5 }, ...more };
    await ours.addBulk([{ name: "n", data: { a: [1] }, opts: { jobId: "ours-1", ...options } }]);
    await own.addBulk([{ name: "n", data: { a: [1] }, opts: { jobId: "own-1", ...options } }]);
    const [mine, theirs] = await Promise.all([own.getJob("ours-1"), own.getJob("own-1")]);
    const bare = (job: Job | undefined): object => ({
      ...job?.asJSON(),
      id: "",
      timestamp: 0,
      opts: { ...job?.opts, jobId: "" },
    });
    expect(bare(mine as Job)).toEqual(bare(theirs as Job));
    expect(mine?.priority).toBe(theirs?.priority);
    expect(await own.count()).toBe(2);
    const { admin } = redis();
    const [first, second] = await admin.zrange(`bull:${both.name}:prioritized`, "0", "-1", "WITHSCORES");
    expect([first, second]).toEqual(
      "priority" in more ? ["ours-1", String(7 * 2 ** 32 + 1)] : [undefined, undefined],
    );
  });

  test("reach a worker as they are, whatever their neighbours are like", async () => {
    await using both = new Both();
    const queue = both.queue(true);
    const long = "x".repeat(70);
    // Redis keeps a job with a long value in a table, whose fields have no order; and some differ in more than their data.
    const asked = [1, 2, long, 3, long, long, 4, 5, 6, 7].map((data, i) => ({ name: "n", data, i }));
    for (const name of ["odd", "0", "123"]) asked.push({ name, data: name, i: asked.length });
    asked.push({ name: "n", data: 8, i: asked.length });
    const id = (i: number): string => `j-${i}`;
    await queue.addBulk(asked.map(({ name, data, i }) => ({ name, data, opts: { jobId: id(i) } })));
    const { admin } = redis();
    const key = (i: number): string => `bull:${both.name}:${id(i)}`;
    await admin.hset(key(3), "priority", "9");
    await admin.hset(key(7), "progress", "50");
    await admin.hset(key(8), "timestamp", "5");
    await admin.hset(key(9), "opts", JSON.stringify({ jobId: id(9), attempts: 3 }));
    const backend = new OpenWorker(
      both.name,
      undefined,
      { autorun: false, connection: admin },
      plainJobs(admin),
    ).backend;
    onTestFinished(async () => await backend.close());
    const lock = { token: "t", durationMs: 60_000, worker: "w" };
    const { jobs: fetched } = await fetchPlainJobs(admin, backend, lock, 50, { nowMs: Date.now() });
    const stored = await Promise.all(asked.map(({ i }) => admin.hgetall(key(i))));
    const texts = fetched.map(([job]) => job && [job.name, job.data, String(job.timestamp), job.priority]);
    expect(texts).toEqual(
      stored.map(({ name, data, timestamp, priority }) => [name, data, timestamp, Number(priority)]),
    );
    expect(fetched.map(([, jobId]) => jobId)).toEqual(asked.map(({ i }) => id(i)));
    expect(fetched.map(([job]) => [job?.opts.attempts ?? 0, job?.progress ?? 0])).toEqual(
      asked.map(({ i }) => [i === 9 ? 3 : 0, i === 7 ? 50 : 0]),
    );
  });

  test("with an odd id are added all the same, and no job twice", async () => {
    await using both = new Both();
    const [ours, own] = [both.queue(true), both.queue(false)];
    const ids = ['a"b', "a\\", "\u{1f600}", "plain", "plain"];
    await ours.addBulk(ids.map((jobId, data) => ({ name: "n", data, opts: { jobId } })));
    const found = await own.getJobs("wait", 0, -1, true);
    expect(found.map(({ id, data, opts }) => [id, data as unknown, opts.jobId])).toEqual(
      ids.slice(0, 4).map((id, data) => [id, data, id]),
    );
  });

  test("with a priority go first, by their number, at full speed; and leave nothing behind", async () => {
    await using both = new Both();
    const queue = both.queue(true);
    await queue.addBulk(jobs(3));
    const urgent = [9, 2, 5, 2].map((priority, n) => ({
      name: "n",
      data: n,
      opts: { jobId: `u-${n}`, priority },
    }));
    await queue.addBulk(urgent);
    const { admin } = redis();
    const lock = { token: "t", durationMs: 1_000, worker: "w" };
    const fetched = await fetchPlainJobs(admin, queue.getBackend(), lock, 10, { nowMs: Date.now() });
    expect(fetched.jobs.map(([, id]) => id)).toEqual(["u-1", "u-3", "u-2", "u-0", "j-0", "j-1", "j-2"]);
    expect(await admin.exists(`bull:${both.name}:pc`, `bull:${both.name}:prioritized`)).toBe(0);
  });

  test("leave no marker that would wake machines for nothing, except that of a delayed job", async () => {
    await using both = new Both();
    const queue = both.queue(true);
    const { admin } = redis();
    const markers = async (): Promise<string[]> => await admin.zrange(`bull:${both.name}:marker`, "0", "-1");
    const fetch = async (count: number): Promise<number> => {
      const lock = { token: "t", durationMs: 1_000, worker: "w" };
      return (await fetchPlainJobs(admin, queue.getBackend(), lock, count, { nowMs: Date.now() })).jobs
        .length;
    };
    await queue.addBulk(jobs(3));
    expect(await fetch(2)).toBe(2);
    expect(await markers()).toEqual(["0"]);
    expect(await fetch(2)).toBe(1);
    expect(await markers()).toEqual([]);
    // A machine that had no place has put it back, and meanwhile another has taken what there was.
    await admin.zadd(`bull:${both.name}:marker`, 0, "0");
    await queue.add("n", 0, { jobId: "later", delay: 600_000 });
    expect(await fetch(2)).toBe(0);
    expect(await markers()).toEqual(["1"]);
  });

  test.for([
    { where: "BullMQ's list" },
    { where: "the line of a priority", priority: 7 },
    { where: "the stage of its map", isStaged: true },
  ])("are put back into $where in their order, whichever comes back first", async (given) => {
    const { priority, isStaged = false } = given;
    await using both = new Both();
    const queue = both.queue(true, {}, isStaged);
    const { admin } = redis();
    const backend = queue.getBackend();
    const lock = { token: "t", durationMs: 60_000, worker: "w" };
    const fetch = async (count: number): Promise<unknown[]> =>
      (await fetchPlainJobs(admin, backend, lock, count, { nowMs: Date.now() })).jobs.map(([, id]) => id);
    // More than ten: sorted as texts, the tenth comes before the second.
    const all = jobs(12).map(({ opts, ...job }) => ({ ...job, opts: { ...opts, priority: priority ?? 0 } }));
    const ids = all.map(({ opts }) => opts.jobId);
    await queue.addBulk(all);
    for (const order of [[...ids.keys()], [...ids.keys()].toReversed(), [3, 11, 0, 7, 2, 10, 1]]) {
      expect(await fetch(11)).toEqual(ids.slice(0, 11));
      await fetch(1);
      for (const at of order) await backend.moveJobFromActiveToWait(ids[at] ?? "", "t");
      expect(await fetch(12)).toEqual(ids.filter((_, at) => order.includes(at)));
      for (const at of order) await backend.moveJobFromActiveToWait(ids[at] ?? "", "t");
      for (const [at, id] of ids.entries())
        if (!order.includes(at)) await backend.moveJobFromActiveToWait(id, "t");
    }
    expect(await queue.getJobCounts("active")).toEqual({ active: 0 });
    expect(await admin.exists(...ids.map((id) => `bull:${both.name}:${id}:lock`))).toBe(0);
    await fetch(1);
    await expect(backend.moveJobFromActiveToWait("j-0", "another's")).rejects.toThrow(/Lock mismatch/);
    await expect(backend.moveJobFromActiveToWait("j-99", "t")).rejects.toThrow(/Missing key/);
  });

  test.for([0, 2])(
    "that are handed back in one turn go back in one script, priority %i",
    async (priority) => {
      await using both = new Both();
      const queue = both.queue(true);
      const { admin } = redis();
      const backend = queue.getBackend();
      const lock = { token: "t", durationMs: 60_000, worker: "w" };
      // One script fetches at most 100.
      const fetch = async (count: number): Promise<unknown[]> => {
        const { jobs: some } = await fetchPlainJobs(admin, backend, lock, Math.min(count, 100), {
          nowMs: Date.now(),
        });
        const found = some.map(([, id]) => id);
        return found.length === count || found.length === 0
          ? found
          : [...found, ...(await fetch(count - found.length))];
      };
      const handBack = async (ids: readonly string[]): Promise<void> =>
        void (await Promise.all(
          ids.map(async (id) => void (await backend.moveJobFromActiveToWait(id, "t"))),
        ));
      const all = jobs(300).map(({ opts, ...job }) => ({ ...job, opts: { ...opts, priority } }));
      const ids = all.map(({ opts }) => opts.jobId);
      await queue.addBulk(all);
      expect(await fetch(250)).toHaveLength(250);
      // A first time, so that Redis knows the script.
      await handBack(["j-0"]);
      await fetch(1);
      await handBack(ids.slice(0, 100));
      await admin.config("RESETSTAT");
      // All of them belong behind those that went back before.
      await handBack(ids.slice(100, 250).toReversed());
      const stats = await admin.info("commandstats");
      expect(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1]).toBe("1");
      expect(await fetch(300)).toEqual(ids);
      // Of those that went back already, and of others' jobs, each caller is told.
      await handBack(ids.slice(0, 1));
      const said = await Promise.allSettled(
        ids
          .slice(0, 3)
          .map(async (id, at) => void (await backend.moveJobFromActiveToWait(id, at === 2 ? "x" : "t"))),
      );
      expect(said.map(({ status }) => status)).toEqual(["rejected", "fulfilled", "rejected"]);
      expect(await fetch(300)).toEqual(["j-0", "j-1"]);
    },
  );

  test("that are there already are not added again", async () => {
    await using both = new Both();
    const queue = both.queue(true);
    await queue.addBulk(jobs(3));
    await queue.addBulk(jobs(4));
    expect(await queue.getJobCounts("wait")).toEqual({ wait: 4 });
  });

  test("wait while the queue is paused, and go on after it", async () => {
    await using both = new Both();
    const queue = both.queue(true);
    await queue.pause();
    await queue.addBulk(jobs(5));
    const seen: unknown[] = [];
    const worker = both.worker(true, async (job) => void seen.push(job.data));
    await worker.waitUntilReady();
    expect((await queue.getJobCounts("wait"))["wait"]).toBe(5);
    expect(seen).toEqual([]);
    await queue.resume();
    await until(() => seen.length === 5, { what: "all jobs to run" });
  });

  test("let those with a priority and those that are due in between", async () => {
    await using both = new Both();
    const queue = both.queue(true);
    await queue.addBulk(jobs(30));
    const seen: unknown[] = [];
    const { promise: late, resolve: added } = Promise.withResolvers<void>();
    both.worker(
      true,
      async (job) => {
        seen.push(job.id);
        if (seen.length === 1) {
          await queue.add("n", 0, { jobId: "first-1", priority: 1 });
          await queue.add("n", 0, { jobId: "due-1", delay: 1 });
          added();
        }
        await late;
      },
      { concurrency: 2 },
    );
    await until(() => seen.length === 32, { what: "all jobs to run" });
    expect(new Set(seen).size).toBe(32);
  });

  test("a damaged one does not keep the others from being completed", async () => {
    await using both = new Both();
    const queue = both.queue(true);
    await queue.addBulk(jobs(10));
    const held = Promise.withResolvers<void>();
    let begun = 0;
    const completed: unknown[] = [];
    const worker = both.worker(true, async () => {
      if (++begun === 10) {
        await redis().admin.set(`bull:${both.name}:j-4`, "not a job");
        held.resolve();
      }
      await held.promise;
    });
    worker.on("completed", (job) => completed.push(job.id));
    await until(() => completed.length === 9, { what: "the others to be completed" });
    expect(completed).not.toContain("j-4");
    await redis().admin.del(`bull:${both.name}:j-4`);
  });

  test("whose data vanished while they waited are passed over", async () => {
    await using both = new Both();
    const queue = both.queue(true);
    await queue.addBulk(jobs(4));
    const { admin } = redis();
    await admin.del(`bull:${both.name}:j-0`, `bull:${both.name}:j-2`);
    // What is left of it where it vanished while a worker had it, and was then found stalled.
    await admin.hset(`bull:${both.name}:j-2`, "stc", "1");
    const lock = { token: "t", durationMs: 1_000, worker: "w" };
    const clock = { nowMs: Date.now() };
    const { jobs: fetched } = await fetchPlainJobs(admin, queue.getBackend(), lock, 10, clock);
    expect(fetched.map(([, id]) => id)).toEqual(["j-1", "j-3"]);
    expect(await admin.exists(`bull:${both.name}:j-0`, `bull:${both.name}:j-2`)).toBe(0);
    expect(await queue.getJobCounts("wait", "active")).toEqual({ wait: 0, active: 2 });
  });

  test("whose lock was taken by another are not completed", async () => {
    await using both = new Both();
    const queue = both.queue(true);
    await queue.addBulk(jobs(2));
    const errors: Error[] = [];
    const completed: unknown[] = [];
    const worker = both.worker(true, async (job) => {
      if (job.id === "j-0") await redis().admin.set(`bull:${both.name}:j-0:lock`, "somebody else");
    });
    worker.on("completed", (job) => completed.push(job.id));
    worker.on("error", (error) => errors.push(error));
    await until(() => completed.length === 1 && errors.length > 0, { what: "one to be completed" });
    expect(completed).toEqual(["j-1"]);
    expect(await redis().admin.exists(`bull:${both.name}:j-0`)).toBe(1);
    expect(errors[0]?.message).toMatch(/lock/i);
  });

  test("that Redis has no memory for are refused with its own words", async () => {
    await using both = new Both();
    const queue = both.queue(true);
    await queue.waitUntilReady();
    await redis().admin.config("SET", "maxmemory", "1");
    try {
      await expect(queue.addBulk(jobs(2))).rejects.toThrow(/^OOM/);
    } finally {
      await redis().admin.config("SET", "maxmemory", "0");
    }
    expect(await queue.getJobCounts("wait")).toEqual({ wait: 0 });
  });
});

/** Of a machine that has nothing else in hand, and is handed jobs. */
const ALONE = { waiter: "w 60000" };

const MANY_OR_ALONE = [
  { where: "among others", more: {} },
  { where: "by itself", more: ALONE },
];

describe("a job that brings its outcome", () => {
  /** Ten jobs of a map that is wanted and of one that is not, fetched, and how to complete them. */
  async function fetched(options: { readonly wanted?: boolean } = {}) {
    const { admin } = redis();
    const keys = queueKeys(uniqueQueue("outcomes"));
    const connection = { connection: admin, prefix: keys.bullPrefix };
    const queue = new Queue(keys.bullName, connection, plainJobs(admin));
    const all = { ...connection, autorun: false, removeOnComplete: { count: 0 }, lockDuration: 60_000 };
    const worker = new OpenWorker(keys.bullName, undefined, all, plainJobs(admin));
    onTestFinished(async () => void (await Promise.all([queue.close(), worker.close(true)])));
    const scripts = new GatherScripts(admin, keys);
    if (options.wanted !== false) await scripts.open("m", 60_000);
    await queue.addBulk(
      Array.from({ length: 10 }, (_, i) => ({ name: "n", data: i, opts: { jobId: `m-${i}` } })),
    );
    const lock = { token: "t", durationMs: 60_000, worker: "w" };
    const take = async (count: number): Promise<unknown[]> => {
      const clock = { nowMs: Date.now() };
      const { jobs: taken } = await fetchPlainJobs(admin, worker.backend, lock, count, clock);
      return taken.map(([, id]) => id);
    };
    const finish = (
      at: number,
      more: { readonly fetchNext?: boolean; readonly map?: string; readonly waiter?: string } = {},
    ) => {
      const { map = "m", waiter = "", fetchNext = waiter !== "" } = more;
      const publication = {
        mapId: map,
        outcome: { at, ms: 1.5, by: "w 7", text: `=[${at}]` },
        ttlMs: 60_000,
      };
      const completions = completionsOf(worker.backend);
      if (completions === undefined) throw new Error("Expected a worker that keeps no completed jobs");
      return completions.add({ id: `${map}-${at}`, token: "t", fetchNext, waiter, publication });
    };
    const outcomes = async (map = "m") => outcomesIn(await admin.xrange(keys.out(map), "-", "+"));
    return { admin, keys, queue, take, finish, outcomes, scripts };
  }

  test("is completed with it, in one script for all of a turn, which fetches the next jobs", async () => {
    const { admin, keys, take, finish, outcomes, queue } = await fetched();
    expect(await take(4)).toEqual(["m-0", "m-1", "m-2", "m-3"]);
    await admin.config("RESETSTAT");
    const completed = await Promise.all([0, 1, 2].map((at) => finish(at, { fetchNext: at > 0 })));
    const commands = await admin.info("commandstats");
    expect(commands).toMatch(/cmdstat_eval(?:sha)?:calls=1,/);
    // One command does for all of them what need not be done for each: once a script, or once for each of its two groups.
    expect(commands).toMatch(/cmdstat_mget:calls=1,/);
    expect(commands).toMatch(/cmdstat_del:calls=1,/);
    expect(commands).toMatch(/cmdstat_bitfield:calls=2,/);
    expect(commands).toMatch(/cmdstat_xadd:calls=2,/);
    expect(commands).not.toMatch(/cmdstat_(?:get|lrem|setbit):/);
    expect(completed.map(({ isWanted, code }) => [isWanted, code])).toEqual(Array(3).fill([true, 0]));
    expect(completed.map(({ next }) => (Array.isArray(next) ? next[1] : next))).toEqual([
      undefined,
      "m-4",
      "m-5",
    ]);
    expect(await outcomes()).toEqual(
      [0, 1, 2].map((at) => ["i", String(at), "ran", "1.5 w 7", "o", `=[${at}]`]),
    );
    expect(await queue.getJobCounts("wait", "active")).toEqual({ wait: 4, active: 3 });
    expect(
      await admin.exists(...[0, 1, 2].flatMap((at) => [keys.job(`m-${at}`), keys.job(`m-${at}:lock`)])),
    ).toBe(0);
  });

  test("is completed with few commands where it was its machine's only one and none waits, and the machine waits", async () => {
    const { admin, keys, take, finish, outcomes, queue } = await fetched();
    await take(10);
    // As a call's map is opened.
    await admin.del(keys.out("m"));
    await admin.config("RESETSTAT");
    expect(await finish(1, ALONE)).toMatchObject({ isWanted: true, code: 0 });
    expect(await finish(0, ALONE)).toMatchObject({ isWanted: true, code: 0 });
    const commands = await admin.info("commandstats");
    expect(commands).toMatch(/cmdstat_eval(?:sha)?:calls=2,|cmdstat_evalsha:calls=1,/);
    expect(commands).not.toMatch(/cmdstat_(?:bitfield|hmget|mget|xtrim|ltrim):/);
    expect((await outcomes()).map((fields) => fields.at(-1))).toEqual(["=[1]", "=[0]"]);
    expect(await admin.pttl(keys.out("m"))).toBeGreaterThan(0);
    expect(await admin.zrange(keys.idle, "0", "-1")).toEqual(["w 60000"]);
    expect(await admin.pttl(keys.idle)).toBeGreaterThan(0);
    expect(await queue.getJobCounts("wait", "active")).toEqual({ wait: 0, active: 8 });
    expect(await admin.exists(keys.job("m-0"), keys.job("m-0:lock"))).toBe(0);
  });

  test("is replaced by one that waits, also where it was its machine's only one", async () => {
    const { admin, keys, take, finish } = await fetched();
    await take(9);
    const { code, next } = await finish(0, ALONE);
    expect([code, Array.isArray(next) ? next[1] : next]).toEqual([0, "m-9"]);
    expect(await admin.exists(keys.idle)).toBe(0);
  });

  test("whose map has no stream makes one that does not stay for ever, also among others", async () => {
    const { admin, keys, take, finish } = await fetched();
    await take(3);
    await admin.del(keys.out("m"));
    await Promise.all([finish(1), finish(2)]);
    expect(await admin.pttl(keys.out("m"))).toBeGreaterThan(0);
  });

  test.for(MANY_OR_ALONE)("publishes it once, however often the job ran ($where)", async ({ more }) => {
    const { take, finish, outcomes, scripts } = await fetched();
    await take(10);
    await scripts.publish("m", [{ at: 0, ms: 1, text: "=[7]" }], 60_000);
    expect(await finish(0, more)).toMatchObject({ isWanted: true, code: 0 });
    expect((await outcomes()).map((fields) => fields.at(-1))).toEqual(["=[7]"]);
  });

  test("publishes it once, also among others that have none yet", async () => {
    const { take, finish, outcomes, scripts } = await fetched();
    await take(4);
    await scripts.publish(
      "m",
      [1, 2].map((at) => ({ at, ms: 1, text: "=[7]" })),
      60_000,
    );
    const completed = await Promise.all([0, 1, 2, 3].map((at) => finish(at)));
    expect(completed.map(({ isWanted, code }) => [isWanted, code])).toEqual(Array(4).fill([true, 0]));
    const published = (await outcomes()).map(([, at, , ran, , text]) => [at, ran, text]);
    expect(published).toEqual([
      ["1", "1", "=[7]"],
      ["2", "1", "=[7]"],
      ["0", "1.5 w 7", "=[0]"],
      ["3", "1.5 w 7", "=[3]"],
    ]);
  });

  test("is published by itself if it is large, or no single line", async () => {
    const { admin, keys, take, finish, scripts } = await fetched();
    await take(2);
    const large = `=["${"x".repeat(20_000)}"]`;
    await scripts.publish(
      "m",
      [2, 3, 4].map((at) => ({ at, ms: 1, text: at === 3 ? "=[\n3]" : large })),
      60_000,
    );
    await Promise.all([finish(0), finish(1)]);
    const entries = (await admin.xrange(keys.out("m"), "-", "+")).map(([, [, i, , , , text]]) => [i, text]);
    expect(entries).toEqual([
      ["2", large],
      ["3", "=[\n3]"],
      ["4", large],
      ["0\n1", "=[0]\n=[1]"],
    ]);
  });

  test.for(MANY_OR_ALONE)("is completed without it if nobody wants its map ($where)", async ({ more }) => {
    const { take, finish, outcomes, queue } = await fetched({ wanted: false });
    await take(10);
    expect(await finish(0, more)).toMatchObject({ isWanted: false, code: 0 });
    expect(await outcomes()).toEqual([]);
    expect(await queue.getJobCounts("active")).toEqual({ active: 9 });
  });

  test("publishes it all the same while the queue is paused, and is left to BullMQ", async () => {
    const { take, finish, outcomes, queue } = await fetched();
    await take(1);
    await queue.pause();
    expect(await finish(0)).toMatchObject({ isWanted: true, code: -100 });
    expect(await outcomes()).toHaveLength(1);
    expect(await queue.getJobCounts("active")).toEqual({ active: 1 });
  });

  test.for(MANY_OR_ALONE)(
    "publishes it all the same if its lock was lost, and stays with whoever has it ($where)",
    async ({ more }) => {
      const { admin, keys, take, finish, outcomes } = await fetched();
      await take(10);
      await admin.set(keys.job("m-0:lock"), "somebody else");
      await admin.del(keys.job("m-1:lock"));
      await admin.lrem(keys.job("active"), 1, "m-2");
      const completed = await Promise.all([0, 1, 2].map((at) => finish(at, more)));
      expect(completed.map(({ isWanted, code }) => [isWanted, code])).toEqual([
        [true, -6],
        [true, -2],
        [true, -3],
      ]);
      expect(await outcomes()).toHaveLength(3);
      expect(await admin.exists(keys.job("m-0"), keys.job("m-1"))).toBe(2);
    },
  );

  test("is not completed if its map's keys are something else, also by itself", async () => {
    const { admin, keys, take, finish, scripts } = await fetched();
    await take(10);
    await admin.set(keys.out("m"), "somebody else's");
    await expect(finish(0, ALONE)).rejects.toThrow(/^WRONGTYPE/);
    expect(await admin.exists(keys.job("m-0"), keys.job("m-0:lock"))).toBe(2);
    expect(await scripts.isDone("m", 0)).toBe(false);
    await admin.del(keys.done("m"));
    await admin.lpush(keys.done("m"), "somebody else's");
    await admin.pexpire(keys.done("m"), 60_000);
    await expect(finish(0, ALONE)).rejects.toThrow(/^WRONGTYPE/);
  });

  test("is not completed if Redis refuses it; those of other maps are", async () => {
    const { admin, keys, queue, take, finish, scripts } = await fetched();
    await scripts.open("foreign", 60_000);
    await admin.set(keys.out("foreign"), "somebody else's");
    await queue.addBulk([{ name: "n", data: 0, opts: { jobId: "foreign-0" } }]);
    await take(11);
    const [foreign, own] = await Promise.allSettled([finish(0, { map: "foreign" }), finish(0)]);
    expect(foreign).toMatchObject({ status: "rejected", reason: { message: /^WRONGTYPE/ } });
    expect(own).toMatchObject({ status: "fulfilled", value: { code: 0 } });
    expect(await admin.exists(keys.job("foreign-0"), keys.job("foreign-0:lock"))).toBe(2);
    // Without an entry it has no outcome: it is found again.
    expect(await scripts.isDone("foreign", 0)).toBe(false);
  });

  test.for(MANY_OR_ALONE)(
    "is neither published nor completed while Redis has no memory ($where)",
    async ({ more }) => {
      const { admin, take, finish, outcomes, queue } = await fetched();
      await take(10);
      await admin.config("SET", "maxmemory", "1");
      try {
        await expect(finish(0, more)).rejects.toThrow(/^OOM/);
      } finally {
        await admin.config("SET", "maxmemory", "0");
      }
      expect(await outcomes()).toEqual([]);
      expect(await queue.getJobCounts("active")).toEqual({ active: 10 });
    },
  );
});

describe("a Redis that has forgotten its scripts", () => {
  test.each([
    ["plain jobs", {}],
    ["jobs with a priority", { priority: 2 }],
    ["delayed jobs", { delay: 1_000_000 }],
  ])("is given %s all the same", async (_what, more) => {
    await using both = new Both();
    const queue = both.queue(true);
    const [first, second] = [jobs(4).slice(0, 2), jobs(4).slice(2)];
    for (const some of [first, second]) {
      await redis().admin.script("FLUSH");
      await queue.addBulk(some.map((job) => ({ ...job, opts: { ...job.opts, ...more } })));
    }
    expect(await queue.count()).toBe(4);
  });
});
