import type { Redis } from "ioredis";
import { beforeEach, expect, test, vi } from "vitest";

import { Completions } from "../../../packages/shared/src/bullmq/completions.ts";
import { AT_ONCE } from "../../../packages/shared/src/bullmq/plain-scripts.ts";
import { useFakeTimers } from "../../support/fake-timers.ts";

beforeEach(() => {
  useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setImmediate", "performance"] });
});

/** Place of the jobs' ids in the arguments of a script, if they bring no outcomes. */
const IDS_AT = 11;

/** Completes jobs in a Redis that answers when it is told to. */
class SlowRedis {
  /** How many jobs each script had. */
  readonly scripts: number[] = [];
  readonly #answers: (() => void)[] = [];
  readonly #completions: Completions;
  #ended = 0;

  constructor() {
    const run = async (...all: (string | number)[]): Promise<unknown> => {
      this.scripts.push(String(all[IDS_AT]).split("\n").length);
      await new Promise<void>((resolve) => void this.#answers.push(resolve));
      return [[[1, 0]], -1];
    };
    const redis = { eval: run, evalsha: run } as unknown as Redis;
    const lock = { durationMs: 1_000, worker: "w" };
    this.#completions = new Completions(redis, { toKey: String }, [], lock, { nowMs: 0, aheadMs: 0 });
  }

  /** So many jobs end in this turn of the event loop. */
  async end(jobs: number): Promise<void> {
    for (let i = 0; i < jobs; i++) {
      const job = { id: `j-${this.#ended++}`, token: "t", fetchNext: false };
      void this.#completions.add(job);
    }
    await vi.advanceTimersByTimeAsync(0);
  }

  /** Answers all scripts. */
  async answer(): Promise<void> {
    for (const resolve of this.#answers.splice(0)) resolve();
    await vi.advanceTimersByTimeAsync(0);
  }
}

test("a job that ends while no script is under way is sent at once", async () => {
  const redis = new SlowRedis();
  await redis.end(1);
  await redis.answer();
  await redis.end(2);
  expect(redis.scripts).toEqual([1, 2]);
});

test("jobs that end one after the other go to a server that does not answer in fewer and fewer scripts", async () => {
  const redis = new SlowRedis();
  for (let ms = 0; ms < 64; ms++) {
    await redis.end(1);
    await vi.advanceTimersByTimeAsync(1);
  }
  expect(redis.scripts.length).toBeLessThanOrEqual(9);
  // What still waits goes with the answer.
  await redis.answer();
  expect(redis.scripts.reduce((sum, jobs) => sum + jobs, 0)).toBe(64);
});

test("the longer a server takes for its answers, the more jobs wait for each other", async () => {
  const redis = new SlowRedis();
  await redis.end(1);
  await vi.advanceTimersByTimeAsync(320);
  await redis.answer();
  for (let ms = 0; ms < 80; ms++) {
    await redis.end(1);
    await vi.advanceTimersByTimeAsync(1);
  }
  expect(redis.scripts.length).toBeLessThanOrEqual(5);
  await redis.answer();
  expect(redis.scripts.reduce((sum, jobs) => sum + jobs, 0)).toBe(81);
});

test("jobs that fill a script do not wait for more", async () => {
  const redis = new SlowRedis();
  await redis.end(1);
  await redis.end(AT_ONCE + 5);
  expect(redis.scripts).toEqual([1, AT_ONCE]);
});

test("where many jobs end, the first ones after an answer wait for those that end right after them", async () => {
  const redis = new SlowRedis();
  await redis.end(50);
  await redis.answer();
  await redis.end(5);
  expect(redis.scripts).toEqual([50]);
  await redis.end(45);
  await vi.advanceTimersByTimeAsync(1);
  expect(redis.scripts).toEqual([50, 50]);
  await redis.answer();
});
