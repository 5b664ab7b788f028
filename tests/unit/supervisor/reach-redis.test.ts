import { RedisConnectionError, RedisRefusedError } from "@poolmq/shared";
import { beforeEach, expect, test, vi } from "vitest";

import { untilReached } from "../../../packages/worker/src/supervisor/reach-redis.ts";
import { useFakeTimers } from "../../support/fake-timers.ts";

beforeEach(() => {
  useFakeTimers();
});

const BUSY = new RedisRefusedError({ reason: "busy", detail: "a script runs", advice: "Wait for it" });

test("a machine that starts while a script keeps Redis busy waits as long as it takes, and says so once a minute", async () => {
  const told: unknown[] = [];
  const log = { warn: (...line: unknown[]) => void told.push(line) };
  const step = vi.fn(async (tryMs: number) => {
    await new Promise((resolve) => setTimeout(resolve, tryMs));
    if (step.mock.calls.length < 18) throw BUSY;
    return "there";
  });
  const reached = untilReached("redis:6379", 0, log, step);
  await vi.advanceTimersByTimeAsync(100_000);
  expect(await reached).toBe("there");
  expect(told).toMatchObject([
    [{ redis: "redis:6379", reason: BUSY.message, waitedMs: 5_000 }, "waiting for Redis"],
    [{ waitedMs: 65_000 }, "waiting for Redis"],
  ]);
});

test("a machine with a time limit for its start keeps to it", async () => {
  const step = vi.fn((_: number) => Promise.reject(BUSY));
  await expect(untilReached("here", 700, { warn: () => {} }, step)).rejects.toThrow(RedisRefusedError);
  expect(step.mock.calls).toEqual([[700]]);
});

test.for([
  new RedisConnectionError({ reason: "auth", address: "here", detail: "", advice: "" }),
  new RedisRefusedError({ reason: "permission", detail: "no right", advice: "Give it" }),
])("what waiting can't mend ends the start at once: %s", async (error) => {
  const step = vi.fn(() => Promise.reject(error));
  await expect(untilReached("here", 0, { warn: () => {} }, step)).rejects.toBe(error);
  expect(step).toHaveBeenCalledOnce();
});
