import { describe, expect, test } from "vitest";

import type * as nested from "../../fixtures/nested-tasks.ts";
import { redisForFile } from "../../support/redis-server.ts";
import { rejection, Stage } from "../../support/stage.ts";

const redis = redisForFile({ listen: "tcp" });

const module = new URL("../../fixtures/nested-tasks.ts", import.meta.url);

describe("a task that uses a pool", () => {
  test.for(["onQueue", "attaching", "twiceNested"] as const)(
    "on its own queue is told at once that it would wait for itself: %s",
    async (task) => {
      const stage = new Stage(redis());
      await stage.machine({ module });
      const where = { connection: redis().url, queue: stage.queue };
      expect(await rejection(stage.pool<typeof nested>().map(task, [where]))).toMatchObject({
        name: "NestedPoolError",
        code: "NESTED_POOL",
        message: expect.stringContaining(`queue "${stage.queue}"`),
      });
    },
  );

  test("that was built while the module loaded is told so too", async () => {
    const stage = new Stage(redis());
    const env = { POOLMQ_TASK_REDIS: redis().url, POOLMQ_TASK_QUEUE: stage.queue };
    await stage.machine({ module, env });
    expect(await rejection(stage.pool<typeof nested>().map("onSharedPool", [1]))).toMatchObject({
      code: "NESTED_POOL",
    });
  });

  test("is told so after Redis was restarted as well", async () => {
    const stage = new Stage(redis());
    await stage.machine({ module });
    const pool = stage.pool<typeof nested>();
    await redis().restart();
    await pool.ready();
    const where = { connection: redis().url, queue: stage.queue };
    expect(await rejection(pool.map("onQueue", [where]))).toMatchObject({ code: "NESTED_POOL" });
  });

  test("in local mode, on the queue of its own pool", async () => {
    const stage = new Stage(redis());
    const pool = stage.localPool<typeof nested>({ tasks: module });
    const where = { connection: redis().url, queue: stage.queue };
    expect(await rejection(pool.map("onQueue", [where]))).toMatchObject({ code: "NESTED_POOL" });
  });

  test("on another queue gets its results", async () => {
    const [outer, inner] = [new Stage(redis()), new Stage(redis())];
    await Promise.all([outer.machine({ module }), inner.machine()]);
    const where = { connection: redis().url, queue: inner.queue };
    expect(await outer.pool<typeof nested>().map("onQueue", [where, where])).toEqual([
      [2, 3, 4],
      [2, 3, 4],
    ]);
  });

  test("with worker processes of its own gets its results", async () => {
    const stage = new Stage(redis());
    await stage.machine({ module });
    expect(await stage.pool<typeof nested>().map("onLocalPool", [redis().url])).toEqual([[2, 3, 4]]);
  });
});
