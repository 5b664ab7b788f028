import { describe, expect, test } from "vitest";

import { Pool } from "@poolmq/producer";

import type * as tasks from "../../fixtures/tasks.ts";
import { descendantsOf } from "../../support/processes.ts";
import { redisForFile } from "../../support/redis-server.ts";
import { Marks, rejection, Stage, TASKS } from "../../support/stage.ts";
import { within } from "../../support/until.ts";

const redis = redisForFile();

describe("close", () => {
  test("takes no new calls, finishes the old ones, and may be called twice", async () => {
    const marks = new Marks();
    const pool = new Stage(redis()).localPool();
    const result = pool.map("gated", [{ log: marks.log, gate: marks.gate }]);
    await marks.started(1);
    pool.close();
    pool.close();
    expect(await rejection(pool.map("increment", [1]))).toMatchObject({
      code: "POOL_CLOSED",
      message: expect.stringMatching(/^map\(\) was called on a pool that is closing/),
    });
    marks.open();
    expect(await result).toEqual([expect.any(Number)]);
    await pool.join();
    expect(await rejection(pool.starmap("add", [[1, 2]]))).toMatchObject({
      code: "POOL_CLOSED",
      message: expect.stringMatching(/^starmap\(\) was called on a pool that is closed/),
    });
    pool.close();
    await pool.join();
    await pool.terminate();
  });

  test("of a pool that was never used ends it", async () => {
    const pool = new Stage(redis()).localPool();
    pool.close();
    await pool.join();
  });

  test("leaves a fleet and its queue alone", async () => {
    const stage = new Stage(redis());
    await stage.machine();
    const pool = stage.pool();
    expect(await pool.map("increment", [1])).toEqual([2]);
    pool.close();
    await pool.join();
    expect(await stage.pool().map("increment", [1])).toEqual([2]);
  });
});

describe("join", () => {
  test("is refused on an open pool", async () => {
    const pool = new Stage(redis()).localPool();
    expect(await rejection(pool.join())).toMatchObject({
      code: "INVALID_STATE",
      message: expect.stringContaining("call close() or terminate() first"),
    });
  });

  test("may be called by many at once", async () => {
    const pool = new Stage(redis()).localPool();
    const result = pool.map("increment", [1]);
    pool.close();
    await Promise.all([pool.join(), pool.join(), pool[Symbol.asyncDispose]()]);
    expect(result.ready()).toBe(true);
  });
});

describe("terminate", () => {
  test("rejects the handles with the reason as cause, and may be called twice", async () => {
    const marks = new Marks();
    const pool = new Stage(redis()).localPool();
    const running = pool.map("spinForEver", [marks.log]);
    const waiting = pool.map("increment", [1, 2]);
    await marks.started(1);
    const reason = new Error("user left");
    await within(3_000, "terminate()", Promise.all([pool.terminate(reason), pool.terminate()]));
    for (const handle of [running, waiting])
      expect(await rejection(handle)).toMatchObject({
        code: "CANCELLED",
        cause: reason,
        message: expect.stringMatching(/was cancelled: user left$/),
      });
    expect(await rejection(pool.map("increment", [1]))).toMatchObject({ code: "POOL_CLOSED" });
    await pool.join();
  });

  test("after close() cancels what is still running", async () => {
    const marks = new Marks();
    const pool = new Stage(redis()).localPool();
    const running = pool.map("gated", [{ log: marks.log, gate: marks.gate }]);
    await marks.started(1);
    pool.close();
    await pool.terminate();
    expect(await rejection(running)).toMatchObject({ code: "CANCELLED" });
  });

  test("right after a call ends everything", async () => {
    const pool = new Stage(redis()).localPool();
    const result = pool.map("increment", [1, 2, 3]);
    await within(3_000, "terminate()", pool.terminate());
    expect(await rejection(result)).toMatchObject({ code: "CANCELLED" });
  });

  test("does not wait for workers that are still starting", async () => {
    const pool = new Stage(redis()).localPool({
      tasks: new URL("../../fixtures/never-loads.ts", import.meta.url),
    });
    const result = pool.map("increment", [1]);
    await within(3_000, "terminate()", pool.terminate());
    expect(await rejection(result)).toMatchObject({ code: "CANCELLED" });
  });

  test("does not wait for a Redis that does not answer", async () => {
    const pool = new Pool({ connection: "redis://127.0.0.1:1" });
    const result = pool.map("increment", [1]);
    await within(3_000, "terminate()", pool.terminate());
    expect(await rejection(result)).toMatchObject({ code: "CANCELLED" });
  });

  test.for([0, 1, 2, 3, 5, 8, 12, 20, 50])(
    "%i ms after a call leaves no job in a fleet's queue",
    async (delayMs) => {
      const stage = new Stage(redis());
      const pool = stage.pool();
      // Connected, so that the delay is spent on the call.
      expect(await pool.map("increment", [])).toEqual([]);
      const items = Array.from({ length: 1_500 }, (_, index) => index);
      const result = pool.map("increment", items);
      // The moments in question are those of the call itself.
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      await pool.terminate();
      expect(await rejection(result)).toMatchObject({ code: "CANCELLED" });
      const left = await redis().admin.keys(stage.keys.pattern);
      const jobs = left.filter((key) => /-\d+$|:wait$|:active$|:map:/.test(key));
      expect(jobs).toEqual([]);
    },
  );

  test("stops what runs on a fleet, which goes on with other work", async () => {
    const marks = new Marks();
    const stage = new Stage(redis());
    await stage.machine();
    const pool = stage.pool();
    const result = pool.map("spinForEver", [marks.log]);
    await marks.started(1);
    await pool.terminate();
    expect(await rejection(result)).toMatchObject({ code: "CANCELLED" });
    expect(await stage.pool().map("increment", [1])).toEqual([2]);
  });
});

describe("await using", () => {
  test("finishes the maps and ends the worker processes", async () => {
    const before = new Set(descendantsOf(process.pid));
    let results: number[];
    {
      await using pool = new Pool<typeof tasks>({ tasks: TASKS, processes: 2, connection: redis().url });
      results = await pool.map("pid", [1, 2, 3, 4] as never);
      expect(descendantsOf(process.pid).filter((pid) => !before.has(pid)).length).toBeGreaterThanOrEqual(3);
    }
    expect(results).toHaveLength(4);
    expect(descendantsOf(process.pid).filter((pid) => !before.has(pid))).toEqual([]);
  });

  test("waits for maps that nobody awaited", async () => {
    const pool = new Stage(redis()).localPool();
    const result = pool.map("backwards", [0, 10]);
    await pool[Symbol.asyncDispose]();
    expect(result.successful()).toBe(true);
  });
});

describe("the handle", () => {
  test("tells progress, and can be asked with a time limit while the map goes on", async () => {
    const marks = new Marks();
    const pool = new Stage(redis()).localPool();
    const result = pool.map("gated", [{ log: marks.log, gate: marks.gate }]);
    await marks.started(1);
    expect(result.ready()).toBe(false);
    expect(() => result.successful()).toThrow(expect.objectContaining({ code: "INVALID_STATE" }));
    expect(await rejection(result.get({ timeoutMs: 1 }))).toMatchObject({ code: "GET_TIMEOUT" });
    expect(await result.wait(1)).toBe(false);
    marks.open();
    expect(await result.get()).toHaveLength(1);
    expect(await result.wait()).toBe(true);
    expect(result.successful()).toBe(true);
    expect(result.progress).toMatchObject({ total: 1, done: 1, failed: 0, running: 0 });
  });
});
