/** Maps that are ended, or run again, from outside. */

import { resolveSigningKeys } from "@poolmq/shared/internal";
import { MapControl } from "@poolmq/worker/control";
import { describe, expect, onTestFinished, test } from "vitest";
import type * as tasks from "../../fixtures/watched-tasks.ts";
import { Program } from "../../support/processes.ts";
import { redisForFile } from "../../support/redis-server.ts";
import { Marks, rejection } from "../../support/stage.ts";
import { until } from "../../support/until.ts";
import { Watched } from "../../support/watched.ts";

const redis = redisForFile();

class Controlled extends Watched {
  readonly control: MapControl;

  constructor() {
    super(redis());
    this.control = new MapControl(redis().admin, this);
    onTestFinished(() => this.control.close());
  }

  /** A map of a producer that is gone, all of which is enqueued. */
  async orphan(mapId: string | undefined, does: Parameters<Watched["steps"]>): Promise<string> {
    await using producer = Program.source(`
      import { Pool } from "@poolmq/producer";
      const pool = new Pool({ connection: ${JSON.stringify(redis().url)}, queue: ${JSON.stringify(this.queue)} });
      const map = pool.map("step", ${JSON.stringify(this.steps(...does))}, ${JSON.stringify({ mapId })});
      console.log("id", map.id);
    `);
    const [, id = ""] = await producer.line(/id (\S+)/);
    const last = this.keys.job(`${id}-${does.length - 1}`);
    await until(async () => (await redis().admin.exists(last)) === 1, { what: "its jobs" });
    if (mapId !== undefined) {
      await until(() => redis().admin.hget(this.keys.meta(id), "total"), { what: "the end of its input" });
    }
    producer.kill("SIGKILL");
    await producer.exited;
    // As if it had been so for long.
    if (mapId !== undefined) await redis().admin.hset(this.keys.meta(id), "beat", 1);
    return id;
  }

  /** Waits until a map is kept that was delivered with failures. */
  async delivered(mapId: string): Promise<void> {
    const meta = this.keys.meta(mapId);
    await until(async () => (await redis().admin.hexists(meta, "delivered")) === 1, {
      what: "the map to be kept",
    });
  }

  /** What of the map is left in Redis. */
  async left(mapId: string): Promise<string[]> {
    const keys = await redis().admin.keys(this.keys.pattern);
    const own = new RegExp(`:${mapId}[:-](\\w+)$`);
    const found = keys.flatMap((key) => own.exec(key)?.[1] ?? []).sort();
    // What its producer told of it is kept for those who look.
    return found.filter((part) => part !== "errors");
  }
}

describe("cancel", () => {
  test.for([undefined, "durable"])(
    "ends a map of a live producer as its own cancel() does (mapId: %s)",
    async (mapId) => {
      const stage = new Controlled();
      await stage.workers(2);
      const map = stage
        .client()
        .map("step", stage.steps("end", "wait", "wait", "wait"), mapId === undefined ? {} : { mapId });
      await until(() => map.progress.done === 1, { what: "the first item" });
      expect(await stage.control.cancel(map.id, "wrong input")).toBe("by its producer");
      expect(await rejection(map)).toMatchObject({
        name: "CancelledError",
        code: "CANCELLED",
        message: `Map ${map.id} was cancelled: wrong input`,
      });
      // What ran was stopped, and what waited is gone.
      await expect.poll(() => stage.left(map.id)).toEqual([]);
      expect((await stage.watcher.read()).jobs).toEqual({ waiting: 0, active: 0, delayed: 0 });
    },
  );

  test("ends a stream, and what others attached to", async () => {
    const stage = new Controlled();
    await stage.workers();
    const stream = stage.client().imap("step", stage.steps("end", "wait"), { mapId: "s" });
    await stream.next();
    const attached = stage.client().attach("s");
    await expect.poll(() => attached.progress.done).toBe(1);
    await stage.control.cancel("s", "enough");
    expect(await rejection(stream.next())).toMatchObject({ code: "CANCELLED" });
    expect(await rejection(attached)).toMatchObject({ code: "CANCELLED" });
  });

  test.for([undefined, "durable"])(
    "removes a map whose producer is gone, and stops what runs of it (mapId: %s)",
    async (mapId) => {
      const stage = new Controlled();
      const id = await stage.orphan(mapId, ["wait", "wait", "wait"]);
      await stage.workers();
      await expect.poll(async () => (await stage.watcher.read()).jobs.active).toBe(1);
      expect(await stage.control.cancel(id, "nobody wants it")).toBe("removed");
      // The stream tells a producer that comes back, for ten minutes.
      await expect.poll(() => stage.left(id)).toEqual(["out"]);
      expect(await redis().admin.pttl(stage.keys.out(id))).toBeGreaterThan(0);
      // The worker is free again.
      expect(await stage.client().map("step", stage.steps("end"))).toEqual([0]);
      if (mapId === undefined) return;
      expect(await rejection(stage.client().attach(mapId))).toMatchObject({ code: "UNKNOWN_MAP" });
    },
  );

  test("of a map that is not there changes nothing", async () => {
    const stage = new Controlled();
    expect(await stage.control.cancel("nope", "")).toBe("not found");
    expect(await redis().admin.keys(stage.keys.pattern)).toEqual([]);
  });
});

describe("on a queue whose producers and workers have a signing key", () => {
  const signingKey = "k".repeat(32);

  test("a cancel needs the key, and a retry does not", async () => {
    const stage = new Controlled();
    await stage.machine({ module: Controlled.module, processes: 1, signingKey });
    const pool = stage.pool<typeof tasks>({ signingKey });
    const steps = stage.steps("end", "fail", "end", "fail", "end");
    await rejection(pool.map("step", steps, { mapId: "m", chunksize: 3, attempts: 2, priority: 3 }));
    await stage.delivered("m");
    expect(await stage.control.retry("m")).toEqual({ items: 2 });
    await expect.poll(async () => await redis().admin.hlen(stage.keys.failed("m"))).toBe(2);
    const waiting = pool.map("step", stage.steps("wait"));
    await expect.poll(async () => (await stage.watcher.read()).jobs.active).toBe(1);
    expect(await stage.control.cancel(waiting.id, "no")).toBe("no key");
    const signingKeys = resolveSigningKeys(signingKey);
    const control = new MapControl(redis().admin, { queue: stage.queue, signingKeys });
    expect(await control.cancel(waiting.id, "with the key")).toBe("by its producer");
    await control.close();
    expect(await rejection(waiting)).toMatchObject({ code: "CANCELLED", cause: "with the key" });
    stage.marks.open();
    expect(await stage.control.retry("m")).toEqual({ items: 2 });
    expect(await pool.attach("m")).toEqual([0, 1, 2, 3, 4]);
  });
});

describe("retry", () => {
  test("runs the failed items of a delivered map again, and attach() gets their new outcomes", async () => {
    const stage = new Controlled();
    const machine = await stage.workers();
    const pool = stage.client();
    const steps = stage.steps("end", "fail", "end", "fail");
    const error = await rejection(pool.map("step", steps, { mapId: "m", attempts: 2 }));
    expect(error).toMatchObject({ message: "row 1 is not there", remote: { attempt: 2 } });
    await stage.delivered("m");
    // Nobody runs them before we have looked.
    await machine.close();
    stage.marks.open();
    expect(await stage.control.retry("m")).toEqual({ items: 2 });
    const opts = await redis().admin.hget(stage.keys.job("m-1"), "opts");
    expect(JSON.parse(opts ?? "")).toMatchObject({ attempts: 2 });
    expect((await stage.watcher.read()).jobs.waiting).toBe(2);
    await stage.workers();
    expect(await pool.attach("m")).toEqual([0, 1, 2, 3]);
    // Others who read it may go on for a moment.
    await expect.poll(() => stage.left("m")).toEqual(["out"]);
  });

  test("of a chunk runs only those of its items that failed", async () => {
    const stage = new Controlled();
    await stage.workers();
    const pool = stage.client();
    const steps = stage.steps("end", "fail", "end", "fail", "end");
    await rejection(pool.map("step", steps, { mapId: "m", chunksize: 3 }));
    await stage.delivered("m");
    stage.marks.open();
    expect(await stage.control.retry("m")).toEqual({ items: 2 });
    expect(await pool.attach("m")).toEqual([0, 1, 2, 3, 4]);
  });

  test("may be repeated until all is well", async () => {
    const stage = new Controlled();
    await stage.workers();
    const pool = stage.client();
    await rejection(pool.map("step", stage.steps("fail", "end"), { mapId: "m" }));
    const failed = (): Promise<number> => redis().admin.exists(stage.keys.failed("m"));
    await stage.delivered("m");
    expect(await stage.control.retry("m")).toEqual({ items: 1 });
    expect(await rejection(pool.attach("m"))).toMatchObject({ message: "row 0 is not there" });
    stage.marks.open();
    await until(async () => (await failed()) === 1, { what: "the second failure" });
    expect(await stage.control.retry("m")).toEqual({ items: 1 });
    expect(await pool.attach("m")).toEqual([0, 1]);
  });

  test("is said to be possible, also where items have failed again and nobody has fetched them", async () => {
    const stage = new Controlled();
    await stage.workers(2);
    const [fails, waits] = [new Marks(), new Marks()];
    const map = stage.client().map(
      "step",
      [
        { does: "fail", x: 0, gate: fails.gate },
        { does: "wait", x: 1, gate: waits.gate },
      ],
      { mapId: "m" },
    );
    expect(await stage.map("m", ({ failed }) => failed === 1)).toMatchObject({ retriable: false });
    waits.open();
    await rejection(map);
    expect(await stage.map("m", ({ retriable }) => retriable)).toMatchObject({ state: "failed" });
    expect(await stage.control.retry("m")).toEqual({ items: 1 });
    expect(await stage.map("m")).toMatchObject({ state: "running", retriable: false });
    await stage.age("m", 11_000);
    expect(await stage.map("m", ({ retriable }) => retriable)).toMatchObject({ state: "running" });
    fails.open();
    expect(await stage.control.retry("m")).toEqual({ items: 1 });
    expect(await stage.client().attach("m")).toEqual([0, 1]);
    expect(await stage.map("m", ({ state }) => state === "done")).toMatchObject({ retriable: false });
  });

  test("of a map whose producer died: what it had not lived to see is retried too", async () => {
    const stage = new Controlled();
    await stage.orphan("m", ["fail", "end", "fail"]);
    await stage.workers();
    await until(async () => (await redis().admin.hlen(stage.keys.failed("m"))) === 2, {
      what: "its failures",
    });
    stage.marks.open();
    expect(await stage.control.retry("m")).toEqual({ items: 2 });
    expect(await stage.client().attach("m")).toEqual([0, 1, 2]);
  });

  test("is refused while the producer waits for other items, and where there is nothing to retry", async () => {
    const stage = new Controlled();
    await stage.workers(2);
    const pool = stage.client();
    const running = pool.map("step", stage.steps("fail", "wait"), { mapId: "m" });
    await until(async () => (await redis().admin.exists(stage.keys.failed("m"))) === 1, {
      what: "the failure",
    });
    // Begun now: items promise no order, and two that wait would hold both processes while the one that fails is still queued.
    const plain = pool.map("step", stage.steps("wait"));
    await stage.map(plain.id);
    expect(await stage.control.retry("m")).toMatchObject({ problem: "running" });
    expect(await stage.control.retry(plain.id)).toEqual({ problem: "not durable" });
    expect(await stage.control.retry("nope")).toEqual({ problem: "not found" });
    stage.marks.open();
    await Promise.all([rejection(running), plain]);
  });

  test("the same call begins a map anew that was delivered, whatever failed then", async () => {
    const stage = new Controlled();
    await stage.workers();
    const pool = stage.client();
    const call = (): PromiseLike<number[]> => pool.map("step", stage.steps("fail", "end"), { mapId: "m" });
    await rejection(call());
    await stage.delivered("m");
    expect(await rejection(pool.attach("m"))).toMatchObject({ message: "row 0 is not there" });
    stage.marks.open();
    expect(await call()).toEqual([0, 1]);
    await expect.poll(() => stage.left("m")).toEqual([]);
    expect(await redis().admin.exists(stage.keys.kept)).toBe(0);
  });

  test("what is kept is bounded: the oldest map of too many goes", async () => {
    const stage = new Controlled();
    await stage.workers();
    const pool = stage.client();
    for (let i = 0; i <= 20; i++) {
      await rejection(pool.map("step", stage.steps("fail"), { mapId: `m${i}` }));
      await until(() => redis().admin.zscore(stage.keys.kept, `m${i}`), { what: "the map to be kept" });
    }
    expect(await stage.left("m0")).toEqual([]);
    expect(await redis().admin.zcard(stage.keys.kept)).toBe(20);
    for (const part of ["meta", "args", "done", "out", "failed"] as const) {
      expect(await redis().admin.pttl(stage.keys[part]("m20")), part).toBeGreaterThan(23 * 3_600_000);
    }
    expect(await stage.control.cancel("m20", "forget it")).toBe("removed");
    expect(await stage.left("m20")).toEqual(["out"]);
    // It had ended before.
    expect(await stage.map("m20")).toMatchObject({ state: "failed", retriable: false, reason: null });
  });
});
