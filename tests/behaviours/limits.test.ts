import { expect, test } from "vitest";

import { onBothPools } from "../support/both-pools.ts";
import { atOnce } from "../support/spans.ts";
import { Marks, rejection } from "../support/stage.ts";

onBothPools(({ own, shared }) => {
  test("no more items of a key run at once than its limit, of however many calls, and the rest goes on", async () => {
    const pool = own({ workers: 4 });
    await pool.ready(4);
    const limit = { key: "service", concurrency: 2 };
    const items = Array.from({ length: 8 }, () => 20);
    const maps = [pool.map("span", items, { limit }), pool.map("span", items, { limit, chunksize: 3 })];
    const calls = Array.from({ length: 4 }, () => pool.apply("span", [20], { limit }));
    const free = pool.map("span", items);
    const limited = [...(await Promise.all(maps)).flat(), ...(await Promise.all(calls))];
    expect(atOnce(limited)).toBe(2);
    // With two processes for it, it need not wait for the limited ones, which take their turns for 240 ms at least.
    const ends = (await free).map(([, toMs]) => toMs);
    expect(Math.max(...ends)).toBeLessThan(Math.max(...limited.flat()));
  });

  test("no more items of a key start in a second than its rate, whatever the chunks", async () => {
    const pool = own({ workers: 2 });
    const limit = { key: "service", ratePerSecond: 20 };
    const calledAt = performance.timeOrigin + performance.now();
    const spans = await pool.map(
      "span",
      Array.from({ length: 30 }, () => 1),
      { limit, chunksize: 10 },
    );
    const starts = spans.map(([fromMs]) => fromMs - calledAt).toSorted((a, b) => a - b);
    // One in 50 ms, and up to 50 ms early for one that was late. Clocks are read in whole ms here and there.
    const early = starts.filter((startMs, place) => startMs < (place - 1) * 50 - 5);
    expect(early).toEqual([]);
  });

  test("a task's definition may have a limit, which a call replaces", async () => {
    const pool = own({ workers: 3 });
    await pool.ready(3);
    expect(atOnce(await pool.map("oneAtATime", [10, 10, 10, 10]))).toBe(1);
    const wider = await pool.map("oneAtATime", [150, 150, 150], { limit: { key: "three", concurrency: 3 } });
    expect(atOnce(wider)).toBeGreaterThan(1);
  });

  test("the strictest limit of a key holds for all", async () => {
    const pool = own({ workers: 4 });
    const items = Array.from({ length: 6 }, () => 20);
    const strict = pool.map("span", items, { limit: { key: "service", concurrency: 1 } });
    const first = await pool.apply("span", [1], { limit: { key: "service", concurrency: 1 } });
    const lax = await pool.map("span", items, { limit: { key: "service", concurrency: 3 } });
    expect(atOnce([...(await strict), first, ...lax])).toBe(1);
  });

  test("what fails, runs too long, is lost or is cancelled gives its permit to the next", async () => {
    const pool = own({ workers: 2, workerLossAttempts: 1 });
    const limit = { key: "service", concurrency: 1 };
    const marks = new Marks();
    const cancelled = pool.map("gated", [marks, marks, marks], { limit });
    await marks.started(1);
    const failing = pool.map("evenOnly", [1], { limit, attempts: 2 });
    const late = pool.apply("sleep", [60_000], { limit, taskTimeoutMs: 30 });
    const lost = pool.apply("dies", [{ log: marks.log, how: "exit", losses: 99 }], { limit });
    const last = pool.apply("increment", [1], { limit });
    cancelled.cancel();
    expect(await rejection(cancelled)).toMatchObject({ code: "CANCELLED" });
    expect(await rejection(failing)).toMatchObject({ name: "OddError" });
    expect(await rejection(late)).toMatchObject({ code: "TASK_TIMEOUT" });
    expect(await rejection(lost)).toMatchObject({ code: "WORKER_LOST" });
    expect(await last).toBe(2);
  });

  test("a call without a limit is not held up by one that waits for hours", async () => {
    const limit = { key: "hours", ratePerSecond: 0.001 };
    const rare = shared().map("increment", [1, 2, 3], { limit });
    expect(await shared().map("increment", [1, 2, 3])).toEqual([2, 3, 4]);
    rare.cancel();
    expect(await rejection(rare)).toMatchObject({ code: "CANCELLED" });
  });
});
