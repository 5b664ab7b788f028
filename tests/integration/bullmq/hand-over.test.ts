import { Queue } from "bullmq";
import type { JobJson, RedisQueueBackend } from "bullmq";
import { describe, expect, onTestFinished, test } from "vitest";

import { addJobs, plainJobs, readHanded, takeBack } from "@poolmq/shared/redis";

import { redisForFile } from "../../support/redis-server.ts";
import { uniqueQueue } from "../../support/unique.ts";

const redis = redisForFile();

/** A queue, with machines that only its `idle` key knows of. */
class Handed {
  readonly queue: Queue;
  readonly #backend: RedisQueueBackend;

  constructor() {
    const { admin } = redis();
    this.queue = new Queue(`{${uniqueQueue("handed")}}`, { connection: admin }, plainJobs(admin));
    this.#backend = this.queue.getBackend();
    onTestFinished(() => this.queue.close());
  }

  key(name: string): string {
    return this.#backend.toKey(name);
  }

  async idle(machines: Readonly<Record<string, number>>): Promise<void> {
    for (const [machine, at] of Object.entries(machines)) {
      await redis().admin.zadd(this.key("idle"), at, `${machine} 30000`);
    }
  }

  async add(ids: readonly string[], data: unknown = { x: 1 }, opts: object = {}): Promise<boolean> {
    const jobs = ids.map((jobId) => ({ name: "n", data, opts: { jobId, attempts: 1, ...opts } }));
    return await addJobs(this.queue, jobs);
  }

  async wait(): Promise<string[]> {
    return await redis().admin.lrange(this.key("wait"), "0", "-1");
  }

  async takeBack(id: string): Promise<boolean> {
    return await takeBack(redis().admin, (name) => this.key(name), id);
  }
}

describe("a job that is added by itself", () => {
  test("goes to the machine that was busy last, and to no other; and wakes none", async () => {
    const handed = new Handed();
    const { admin } = redis();
    await handed.idle({ first: 100, last: 300, second: 200 });
    expect(await handed.add(["m-0"])).toBe(true);
    const [text = ""] = await admin.zrange(handed.key("hand:last"), "0", "-1");
    const { id, job, token } = readHanded(text, "last") ?? {};
    const [{ data, name, opts } = {}] = job as [JobJson?];
    expect([id, data, name, opts?.attempts]).toEqual(["m-0", '{"x":1}', "n", 1]);
    const stored = (await admin.hget(handed.key("m-0"), "opts")) ?? "";
    expect(JSON.parse(stored)).toMatchObject({ jobId: "m-0", attempts: 1 });
    expect(await admin.get(handed.key("m-0:lock"))).toBe(token);
    expect(await admin.lrange(handed.key("active"), "0", "-1")).toEqual(["m-0"]);
    expect(await handed.wait()).toEqual([]);
    expect(await admin.exists(handed.key("marker"))).toBe(0);
    expect(await admin.zrange(handed.key("idle"), "0", "-1")).toEqual(["first 30000", "second 30000"]);
  });

  test("opens its map by the way, whose stream is made with its first outcome", async () => {
    const handed = new Handed();
    const { admin } = redis();
    const map = ["done", "out", "in"].map((name) => handed.key(`map:m:${name}`)) as [string, string, string];
    const add = async (): Promise<boolean> =>
      await addJobs(handed.queue, [{ name: "a\nname", data: {}, opts: { jobId: "m-0" } }], {
        keys: map,
        ttlMs: 60_000,
      });
    await handed.idle({ machine: 1 });
    expect(await add()).toBe(true);
    expect(await admin.pttl(map[0])).toBeGreaterThan(0);
    expect(await admin.exists(...map)).toBe(1);
    const [text = ""] = await admin.zrange(handed.key("hand:machine"), "0", "-1");
    expect(readHanded(text, "machine")?.job[0]).toMatchObject({ name: "a\nname" });
    // The answer may have been lost.
    expect(await add()).toBe(true);
    expect(await admin.zcard(handed.key("hand:machine"))).toBe(1);
  });

  test("starts anew if its id was that of a map of which something is left", async () => {
    const handed = new Handed();
    const { admin } = redis();
    const map = ["done", "out", "in"].map((name) => handed.key(`map:m:${name}`)) as [string, string, string];
    await admin.xadd(map[1], "*", "left", "over");
    await handed.idle({ machine: 1 });
    const jobs = [{ name: "n", data: {}, opts: { jobId: "m-0" } }];
    expect(await addJobs(handed.queue, jobs, { keys: map, ttlMs: 60_000 })).toBe(false);
    expect(await admin.xlen(map[1])).toBe(0);
    expect(await handed.wait()).toEqual(["m-0"]);
  });

  test("is not added while Redis has no memory, and leaves the machine among those that wait", async () => {
    const handed = new Handed();
    const { admin } = redis();
    await handed.idle({ machine: 1 });
    await admin.config("SET", "maxmemory", "1");
    try {
      await expect(handed.add(["m-0"])).rejects.toThrow(/^OOM/);
    } finally {
      await admin.config("SET", "maxmemory", "0");
    }
    expect(await admin.exists(handed.key("m-0"), handed.key("hand:machine"), handed.key("active"))).toBe(0);
    expect(await admin.zcard(handed.key("idle"))).toBe(1);
  });

  test.for<{
    why: string;
    before?: (handed: Handed) => Promise<unknown>;
    ids?: string[];
    data?: unknown;
    opts?: object;
  }>([
    { why: "the queue is paused", before: ({ queue }) => queue.pause() },
    { why: "the queue has a rate", before: ({ queue }) => queue.setGlobalRateLimit(1, 60_000) },
    { why: "the queue has a concurrency", before: ({ queue }) => queue.setGlobalConcurrency(1) },
    {
      why: "another job waits",
      before: async (handed) => await redis().admin.lpush(handed.key("wait"), "other-0"),
    },
    {
      why: "an urgent job waits",
      before: async (handed) => await redis().admin.zadd(handed.key("prioritized"), 1, "other-0"),
    },
    {
      why: "a map waits for its turn",
      before: async (handed) => await redis().admin.zadd(handed.key("turns"), 1, "other"),
    },
    { why: "there are two", ids: ["m-0", "m-1"] },
    { why: "it has a priority", opts: { priority: 3 } },
    { why: "it has a delay", opts: { delay: 60_000 } },
    { why: "it is large", data: "x".repeat(100_000) },
    {
      why: "something else has taken the key",
      before: async (handed) => {
        await redis().admin.del(handed.key("idle"));
        await redis().admin.set(handed.key("idle"), "x");
      },
    },
  ])("waits like any other if $why", async ({ before, ids = ["m-0"], data, opts }) => {
    const handed = new Handed();
    const { admin } = redis();
    await handed.idle({ machine: 1 });
    await before?.(handed);
    expect(await handed.add(ids, data, opts)).toBe(false);
    expect(await admin.exists(handed.key("hand:machine"), handed.key("m-0:lock"))).toBe(0);
    expect(await admin.exists(handed.key("m-0"))).toBe(1);
    expect(await admin.hexists(handed.key("m-0"), "handed")).toBe(0);
  });
});

describe("a job that a machine was handed", () => {
  test("is taken back to the front of those that wait, as it was before, and wakes a machine", async () => {
    const handed = new Handed();
    const { admin } = redis();
    await handed.add(["n-0"]);
    const before = await admin.hgetall(handed.key("n-0"));
    await admin.del(handed.key("wait"), handed.key("marker"));
    await handed.idle({ machine: 1 });
    await handed.add(["m-0"]);
    await handed.add(["m-1"]);
    expect(await handed.takeBack("m-0")).toBe(true);
    expect(await handed.wait()).toEqual(["m-1", "m-0"]);
    expect(await admin.exists(handed.key("marker"))).toBe(1);
    expect(await admin.exists(handed.key("active"), handed.key("m-0:lock"))).toBe(0);
    expect(Object.keys(await admin.hgetall(handed.key("m-0"))).sort()).toEqual(Object.keys(before).sort());
    expect(await handed.takeBack("m-0")).toBe(false);
    expect(await handed.wait()).toEqual(["m-1", "m-0"]);
  });

  test("is told of again when its adding is repeated, since the first answer may have been lost", async () => {
    const handed = new Handed();
    await handed.idle({ machine: 1 });
    expect(await handed.add(["m-0"])).toBe(true);
    expect(await handed.add(["m-0"])).toBe(true);
    await redis().admin.hdel(handed.key("m-0"), "handed");
    expect(await handed.add(["m-0"])).toBe(false);
    expect(await handed.wait()).toEqual([]);
  });

  test.for<{ why: string; then: (handed: Handed) => Promise<unknown> }>([
    {
      why: "it has begun it",
      then: async (handed) => await redis().admin.hdel(handed.key("m-0"), "handed"),
    },
    {
      why: "it ended",
      then: async (handed) => await redis().admin.del(handed.key("m-0"), handed.key("m-0:lock")),
    },
    {
      why: "another machine has it",
      then: async (handed) => await redis().admin.set(handed.key("m-0:lock"), "another"),
    },
  ])("is not taken back if $why", async ({ then }) => {
    const handed = new Handed();
    await handed.idle({ machine: 1 });
    expect(await handed.add(["m-0"])).toBe(true);
    await then(handed);
    expect(await handed.takeBack("m-0")).toBe(false);
    expect(await handed.wait()).toEqual([]);
  });

  test("waits while the queue is paused meanwhile", async () => {
    const handed = new Handed();
    await handed.idle({ machine: 1 });
    await handed.add(["m-0"]);
    await handed.queue.pause();
    expect(await handed.takeBack("m-0")).toBe(true);
    expect(await handed.wait()).toEqual(["m-0"]);
    expect(await redis().admin.exists(handed.key("marker"))).toBe(0);
  });
});
