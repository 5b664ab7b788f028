/** Permits of a limit by key, as machines take them from Redis. No clock decides: the next start is due in an hour, or at once. */

import type { Limit } from "@poolmq/shared";
import { LimitScripts, queueKeys } from "@poolmq/shared/redis";
import { expect, test } from "vitest";

import { redisForFile } from "../../support/redis-server.ts";
import { uniqueQueue } from "../../support/unique.ts";

const redis = redisForFile();

/** Jobs that machines have fetched, and that ask for permits. */
class Asking {
  readonly keys = queueKeys(uniqueQueue("limits"));
  readonly limits = new LimitScripts(redis().admin, this.keys, "machine");
  readonly limit: Limit;

  constructor(limit: Limit) {
    this.limit = limit;
  }

  async take(jobId: string, starts = 1): Promise<"run" | "put off" | "gone"> {
    const { admin } = redis();
    await admin.hset(this.keys.job(jobId), { name: "n", priority: 0 });
    await admin.set(this.keys.job(`${jobId}:lock`), jobId);
    await admin.lpush(this.keys.job("active"), jobId);
    return (await this.limits.take(jobId, jobId, this.limit, starts)).may;
  }

  /** Those that were called, the first one first. */
  async called(): Promise<string[]> {
    return (await redis().admin.lrange(this.keys.job("wait"), 0, -1)).toReversed();
  }
}

const HOURLY = { key: "k", ratePerSecond: 1 / 3_600 };

test("a start that did not come about is given to the next in line", async () => {
  const asking = new Asking(HOURLY);
  expect([await asking.take("a-0"), await asking.take("a-1")]).toEqual(["run", "put off"]);
  await asking.limits.give("a-0", "k", 1);
  expect(await asking.called()).toEqual(["a-1"]);
  expect(await asking.take("a-1")).toBe("run");
  // One that ran has used its start up.
  expect(await asking.take("a-2")).toBe("put off");
  await asking.limits.give("a-1", "k", 0);
  expect(await asking.called()).toEqual(["a-1"]);
});

test("all starts of a chunk are given back, if it did not begin", async () => {
  const asking = new Asking(HOURLY);
  expect(await asking.take("a-0", 50)).toBe("run");
  await asking.limits.give("a-0", "k", 50);
  expect(await asking.take("a-50")).toBe("run");
});

test("a job in line counts as one that waits for its limit, until it is called, or leaves the line", async () => {
  const asking = new Asking({ key: "k", concurrency: 1 });
  const limited = async (): Promise<string[]> => await redis().admin.zrange(asking.keys.limited, "0", "-1");
  for (const id of ["a-0", "a-1", "a-2"]) await asking.take(id);
  expect(await limited()).toEqual(["a-1", "a-2"]);
  await asking.limits.give("a-0", "k", 0);
  expect(await limited()).toEqual(["a-2"]);
  await asking.limits.give("a-2", "k", 0);
  expect(await limited()).toEqual([]);
  expect(await asking.called()).toEqual(["a-1"]);
});
