/**
 * Turns of maps, as the scripts give them: a fleet in simulated time fetches from a real Redis, to which the producers of plain
 * maps send what their windows allow. How many items of each map have begun is counted; no clock decides.
 */

import type { Limit } from "@poolmq/shared";
import { Queue, Worker } from "bullmq";
import { describe, expect, test } from "vitest";

import { WorkWindow } from "@poolmq/producer/internal";
import {
  fetchPlainJobs,
  GatherScripts,
  LimitScripts,
  plainJobs,
  queueKeys,
  readQueue,
  removeStaged,
} from "@poolmq/shared/redis";

import { redisForFile } from "../../support/redis-server.ts";
import { uniqueQueue } from "../../support/unique.ts";
import { until } from "../../support/until.ts";

const redis = redisForFile();

interface SimulatedMap {
  readonly items: number;
  readonly ms: number;
  readonly durable?: boolean;
  /** When it is called. @defaultValue 0 */
  readonly at?: number;
}

/** 1 if all shares are equal, 1/n if one has all. */
function jain(shares: readonly number[]): number {
  const sum = shares.reduce((a, b) => a + b, 0);
  return sum ** 2 / (shares.length * shares.reduce((squares, share) => squares + share ** 2, 0));
}

/** A queue with what producers and machines do to it, but for running anything. */
class Simulation implements AsyncDisposable {
  readonly keys = queueKeys(uniqueQueue("turns"), "bull");
  readonly scripts = new GatherScripts(redis().admin, this.keys);
  readonly #queues = [false, true].map((stages) => {
    const { admin } = redis();
    return new Queue(this.keys.bullName, { connection: admin }, plainJobs(admin, undefined, stages));
  });

  get queue(): Queue {
    return this.#queues[0] as Queue;
  }

  async add(mapId: string, count: number, { durable = false, from = 0 } = {}): Promise<void> {
    await this.scripts.open(mapId, 600_000);
    const jobs = Array.from({ length: count }, (_, i) => {
      return { name: "n", data: {}, opts: { jobId: `${mapId}-${from + i}` } };
    });
    await this.#queues[durable ? 1 : 0]?.addBulk(jobs);
  }

  async fetch(count = 1): Promise<string[]> {
    const lock = { token: "t", durationMs: 600_000, worker: "w" };
    const { admin } = redis();
    const { jobs } = await fetchPlainJobs(admin, this.queue.getBackend(), lock, count, { nowMs: Date.now() });
    return jobs.map(([, id]) => String(id));
  }

  async ended(id: string, ms: number): Promise<void> {
    const dash = id.lastIndexOf("-");
    const outcome = { at: Number(id.slice(dash + 1)), ms, text: "=1" } as const;
    await this.scripts.publish(id.slice(0, dash), [outcome], 600_000);
  }

  /**
   * Runs maps on so many slots until all have ended, or until so many items have begun, or until a moment. Redis and the
   * producers take no time.
   */
  async serve(
    maps: readonly SimulatedMap[],
    { slots = 4, begin = Infinity, untilMs = Infinity } = {},
  ): Promise<{ begun: number[]; endedAt: (number | undefined)[] }> {
    let now = 0;
    const running: { id: string; map: number; endsAt: number }[] = [];
    const begun = maps.map(() => 0);
    const left = maps.map(({ items }) => items);
    const endedAt: (number | undefined)[] = maps.map(() => undefined);
    const windows = maps.map(() => new WorkWindow(() => slots));
    const sent = maps.map(() => 0);
    /** Sends what there is room for: of a durable map, all of it. */
    const send = async (no: number): Promise<void> => {
      const [map, window] = [maps[no], windows[no]];
      if (map === undefined || window === undefined) return;
      const from = sent[no] ?? 0;
      const underWay = (to: number): number => to - (map.items - (left[no] ?? 0));
      let to = from;
      const hasRoom = (): boolean => window.hasRoom({ jobs: underWay(to), items: underWay(to) });
      while (to < map.items && (map.durable === true || hasRoom())) to++;
      sent[no] = to;
      if (to > from) await this.add(`m${no}`, to - from, { durable: map.durable === true, from });
    };
    const calls = [...new Set(maps.map(({ at = 0 }) => at))].toSorted((a, b) => a - b);
    for (let total = 0; total < begin && now < untilMs && endedAt.includes(undefined);) {
      for (const [no, { at = 0 }] of maps.entries()) if (at === now && sent[no] === 0) await send(no);
      for (const id of running.length < slots ? await this.fetch(slots - running.length) : []) {
        const map = Number(id.slice(1, id.indexOf("-")));
        begun[map] = (begun[map] ?? 0) + 1;
        total++;
        running.push({ id, map, endsAt: now + (maps[map]?.ms ?? 0) });
      }
      running.sort((a, b) => a.endsAt - b.endsAt);
      const next = calls.find((at) => at > now) ?? Infinity;
      const ended = (running[0]?.endsAt ?? Infinity) <= next ? running.shift() : undefined;
      now = ended?.endsAt ?? next;
      if (ended === undefined) continue;
      await this.ended(ended.id, maps[ended.map]?.ms ?? 0);
      left[ended.map] = (left[ended.map] ?? 0) - 1;
      if (left[ended.map] === 0) endedAt[ended.map] = now;
      windows[ended.map]?.ran(1, maps[ended.map]?.ms ?? 0);
      await send(ended.map);
    }
    return { begun, endedAt };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#queues.map((queue) => queue.close()));
  }
}

const KINDS = [
  ["two plain maps", false, false],
  ["a plain beside a durable map", false, true],
  ["two durable maps", true, true],
] as const;

describe("maps that share a queue", () => {
  test.each(KINDS)("%s of equal items end within a tenth of each other", async (_, first, second) => {
    await using fleet = new Simulation();
    const maps = [first, second].map((durable) => ({ items: 100, ms: 40, durable }));
    const { endedAt } = await fleet.serve(maps);
    const [a = 0, b = 0] = endedAt;
    expect(Math.min(a, b)).toBeGreaterThanOrEqual(0.9 * Math.max(a, b));
    // Nothing is left of their turns.
    expect(await redis().admin.exists(fleet.keys.turns, fleet.keys.accounts)).toBe(0);
  });

  test.each(KINDS)("%s get equal time if one has items ten times as long", async (_, first, second) => {
    for (const [a, b] of [
      [5, 50],
      [50, 5],
    ] as const) {
      await using fleet = new Simulation();
      const maps = [
        { items: 1_000, ms: a, durable: first },
        { items: 1_000, ms: b, durable: second },
      ];
      const { begun } = await fleet.serve(maps, { begin: 660 });
      const [mine = 0, other = 0] = begun.map((count, no) => count * (maps[no]?.ms ?? 0));
      expect(Math.min(mine, other) / Math.max(mine, other)).toBeGreaterThanOrEqual(0.9);
    }
  });

  test("get equal shares if there are twenty, from their first items on", async () => {
    await using fleet = new Simulation();
    const maps = Array.from({ length: 20 }, (_, no) => ({ items: 60, ms: 10, durable: no % 2 === 0 }));
    const { begun } = await fleet.serve(maps, { slots: 8, begin: 200 });
    expect(jain(begun)).toBeGreaterThanOrEqual(0.95);
  });

  test.for([true, false])(
    "serve ten items of 200 ms behind thousands within 1.5 s (durable: %s)",
    async (durable) => {
      await using fleet = new Simulation();
      const maps = [
        { items: 2_000, ms: 200, durable },
        { items: 10, ms: 200, at: 1_000 },
      ];
      const { endedAt } = await fleet.serve(maps, { untilMs: 5_000 });
      expect((endedAt[1] ?? Infinity) - 1_000).toBeLessThanOrEqual(1_500);
    },
  );

  test("are charged little for jobs that are put off, because they wait for a permit of their limit", async () => {
    await using fleet = new Simulation();
    const { admin } = redis();
    const limits = new LimitScripts(admin, fleet.keys, "machine");
    for (const id of ["a", "b"]) await fleet.add(id, 100, { durable: true });
    /** Fetches so many jobs, and gives how many of them are of `a`. Those are put off while there is a limit. */
    const run = async (count: number, limit?: Limit): Promise<number> => {
      let ofA = 0;
      for (let i = 0; i < count; i++) {
        for (const id of await fleet.fetch()) {
          if (id.startsWith("a-")) ofA++;
          const isPutOff =
            limit !== undefined &&
            id.startsWith("a-") &&
            (await limits.take(id, "t", limit, 1)).may === "put off";
          if (!isPutOff) await fleet.ended(id, 10);
          // It must not come back while this goes on.
          else await admin.zrem(fleet.keys.job("delayed"), id);
        }
      }
      return ofA;
    };
    expect(await run(20)).toBe(10);
    const held = { key: "k", concurrency: 1 };
    await admin.hset(fleet.keys.limitHeld("k"), "other-0", "other machine");
    await admin.set(fleet.keys.job("other-0:lock"), "t");
    // Nothing of it runs, so most of these are its turns. The other one need not wait until all of it was put off.
    const putOff = await run(44, held);
    expect(putOff).toBeGreaterThanOrEqual(37);
    expect(putOff).toBeLessThanOrEqual(42);
    expect(Math.abs((await run(20)) - 10)).toBeLessThanOrEqual(1);
  });

  test("get what is due to them after a pause of one, and no more", async () => {
    await using fleet = new Simulation();
    await fleet.add("a", 100, { durable: true });
    await fleet.add("b", 1);
    const run = async (count: number): Promise<number> => {
      let ofB = 0;
      for (let i = 0; i < count; i++) {
        for (const id of await fleet.fetch()) {
          await fleet.ended(id, 10);
          if (id.startsWith("b-")) ofB++;
        }
      }
      return ofB;
    };
    await run(40);
    await fleet.add("b", 40, { from: 1 });
    expect(Math.abs((await run(20)) - 10)).toBeLessThanOrEqual(1);
  });
});

describe("jobs that are staged", () => {
  test("take turns with those of BullMQ's list, to which BullMQ adds what is tried again", async () => {
    await using fleet = new Simulation();
    await fleet.add("a", 50, { durable: true });
    const [first = ""] = await fleet.fetch();
    expect(first).toBe("a-0");
    const { admin } = redis();
    await admin.lrem(fleet.keys.job("active"), 1, first);
    await admin.lpush(fleet.keys.job("wait"), first);
    expect(await fleet.fetch(3)).toContain(first);
  });

  test("are those of their own map, also if another map's id begins with its id", async () => {
    await using fleet = new Simulation();
    await fleet.add("a-1", 4, { durable: true });
    await fleet.add("a", 20, { durable: true });
    await fleet.add("a-1", 20, { durable: true, from: 4 });
    const { admin } = redis();
    expect(await removeStaged(admin, fleet.keys, "a")).toBe(20);
    expect((await fleet.fetch(50)).toSorted()).toEqual(
      Array.from({ length: 24 }, (_, i) => `a-1-${i}`).toSorted(),
    );
  });

  test("are counted, and are all fetched in order when their map is alone", async () => {
    await using fleet = new Simulation();
    await fleet.add("a", 120, { durable: true });
    const { jobs } = await readQueue(redis().admin, fleet.keys);
    expect(jobs).toEqual({ waiting: 120, active: 0, delayed: 0 });
    const fetched = [...(await fleet.fetch(50)), ...(await fleet.fetch(50)), ...(await fleet.fetch(50))];
    expect(fetched).toEqual(Array.from({ length: 120 }, (_, i) => `a-${i}`));
    expect(await redis().admin.exists(fleet.keys.turns, fleet.keys.accounts, fleet.keys.stage("a"))).toBe(0);
  });

  test("that are added while the queue is paused wait on their stage, and go on after it", async () => {
    await using fleet = new Simulation();
    await fleet.queue.pause();
    await fleet.add("a", 5, { durable: true });
    await fleet.add("a", 15, { durable: true, from: 5 });
    const { admin } = redis();
    expect(await admin.llen(fleet.keys.stage("a"))).toBe(20);
    expect(await admin.exists(fleet.keys.job("marker"))).toBe(0);
    expect(await fleet.fetch(3)).toEqual([]);
    await fleet.queue.resume();
    expect(await fleet.fetch(3)).toEqual(["a-0", "a-1", "a-2"]);
  });

  test("go into BullMQ's list once somebody limits the queue: its own scripts fetch them", async () => {
    await using fleet = new Simulation();
    const { admin } = redis();
    for (const map of ["a", "b"]) await fleet.add(map, 10, { durable: true });
    await fleet.queue.setGlobalConcurrency(1);
    expect(await fleet.fetch(5)).toEqual([]);
    const seen: string[] = [];
    const worker = new Worker(fleet.keys.bullName, async (job) => void seen.push(job.id ?? ""), {
      connection: admin,
    });
    worker.on("error", () => {});
    await until(() => seen.length === 20, { what: "all jobs to run" });
    // In turns, as they were to be served.
    expect(seen.slice(0, 4).toSorted()).toEqual(["a-0", "a-1", "b-0", "b-1"]);
    await worker.close();
  });
});
