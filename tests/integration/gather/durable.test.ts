import { describe, expect, onTestFinished, test } from "vitest";

import type { Pool } from "@poolmq/producer";

import type * as durable from "../../fixtures/durable-tasks.ts";
import { Program } from "../../support/processes.ts";
import { redisForFile } from "../../support/redis-server.ts";
import { Marks, rejection, Stage } from "../../support/stage.ts";
import { until } from "../../support/until.ts";

const redis = redisForFile();

const MODULE = new URL("../../fixtures/durable-tasks.ts", import.meta.url);
const PRODUCER = new URL("../../fixtures/durable-producer.ts", import.meta.url);

type Tasks = typeof durable;

/** A stage with a log of the items that ran. */
class Durable extends Stage {
  readonly marks = new Marks();

  constructor() {
    super(redis());
  }

  items(count: number): durable.Item[] {
    return Array.from({ length: count }, (_, x) => ({ log: this.marks.log, x }));
  }

  workers(processes = 1): Promise<unknown> {
    return this.machine({ module: MODULE, processes });
  }

  client(): Pool<Tasks> {
    return this.pool<Tasks>();
  }

  /** Starts a producer of a map "m" in a process of its own. */
  producer(count: number, stopsAfter?: number): Program {
    const args = [redis().url, this.queue, "m", this.marks.log, String(count)];
    const program = Program.file(PRODUCER, {
      args: stopsAfter === undefined ? args : [...args, String(stopsAfter)],
    });
    onTestFinished(() => program[Symbol.asyncDispose]());
    return program;
  }

  /** Waits until the whole input of map "m" is in Redis. */
  async sealed(): Promise<void> {
    await until(() => redis().admin.hget(this.keys.meta("m"), "total"), { what: "the map to be enqueued" });
  }

  /** How many runs there were beyond one of each item. */
  get repeats(): number {
    return this.marks.lines.length - new Set(this.marks.lines).size;
  }

  /** Nothing is left but outcomes, for a while, in case that their first reader still lives. */
  async expireSoon(): Promise<void> {
    await expect.poll(() => this.leftovers()).toEqual([this.keys.out("m")]);
    expect(await redis().admin.pttl(this.keys.out("m"))).toSatisfy((ms: number) => ms > 0 && ms <= 30_000);
  }

  /** Keys of the queue's maps and jobs: what must be gone once a map was delivered. */
  async leftovers(): Promise<string[]> {
    const keys = await redis().admin.keys(this.keys.pattern);
    return keys.filter((key) => /:map:|:[\w-]+-\d+$/.test(key)).sort();
  }
}

/** Results of `logged`. */
function doubled(count: number): number[] {
  return Array.from({ length: count }, (_, x) => x * 2);
}

async function kill(program: Program): Promise<void> {
  program.kill("SIGKILL");
  await program.exited;
}

describe("a producer that is killed in the middle of a durable map", () => {
  test.for([25, 50, 75])(
    "at %i %%: attach() gives every result in order, and no item is run again",
    async (percent) => {
      const stage = new Durable();
      await stage.workers(2);
      const producer = stage.producer(200);
      await stage.marks.started(percent * 2);
      await kill(producer);
      expect(await stage.client().attach("m")).toEqual(doubled(200));
      expect(stage.repeats).toBe(0);
      await stage.expireSoon();
    },
  );

  test("is followed by the same call, which goes on where it stopped", async () => {
    const stage = new Durable();
    await stage.workers();
    const producer = stage.producer(200);
    await stage.marks.started(80);
    await kill(producer);
    const pool = stage.client();
    expect(await pool.map("logged", stage.items(200), { mapId: "m", chunksize: 2 })).toEqual(doubled(200));
    expect(stage.repeats).toBe(0);
    await stage.expireSoon();
  });

  test("while it still enqueued: attach() says that it is incomplete, and the same call completes it", async () => {
    const stage = new Durable();
    await stage.workers();
    const producer = stage.producer(60, 30);
    await producer.line(/stopped/);
    await stage.marks.started(30);
    await kill(producer);
    const pool = stage.client();
    const attached = pool.attach("m");
    await expect.poll(() => attached.progress.done).toBe(30);
    expect(attached.progress.total).toBeUndefined();
    // As if its last word were long ago.
    await redis().admin.hset(stage.keys.meta("m"), "beat", 1);
    expect(await rejection(attached)).toMatchObject({ code: "INCOMPLETE_MAP" });
    expect(await rejection(pool.attach("m"))).toMatchObject({ code: "INCOMPLETE_MAP" });
    expect(await pool.map("logged", stage.items(60), { mapId: "m", chunksize: 2 })).toEqual(doubled(60));
    expect(stage.repeats).toBe(0);
  });
});

describe("attach() while the first producer still runs", () => {
  test("gives both of them every result", async () => {
    const stage = new Durable();
    const [first, second] = [stage.client(), stage.client()];
    const map = first.map("logged", stage.items(50), { mapId: "m" });
    const attached = await until(() => attachOnce(second), { what: "the map to be there" });
    await stage.workers();
    expect(await map).toEqual(doubled(50));
    expect(await attached.value).toEqual(doubled(50));
    expect(stage.repeats).toBe(0);
  });

  test("and before all is enqueued: learns the total when the input has ended", async () => {
    const stage = new Durable();
    await stage.workers();
    const gate = Promise.withResolvers<void>();
    const items = stage.items(10);
    const first = stage.client().map(
      "logged",
      (async function* () {
        yield* items.slice(0, 5);
        await gate.promise;
        yield* items.slice(5);
      })(),
      { mapId: "m", chunksize: 2 },
    );
    await stage.marks.started(4);
    const attached = stage.client().attach("m");
    await expect.poll(() => attached.progress.done).toBe(4);
    expect(attached.progress.total).toBeUndefined();
    gate.resolve();
    expect(await attached).toEqual(doubled(10));
    expect(await first).toEqual(doubled(10));
    expect(attached.progress).toMatchObject({ total: 10, done: 10, failed: 0, running: 0 });
  });

  test("in the pool that runs the map gives its handle; the same call again is refused", async () => {
    const stage = new Durable();
    const pool = stage.client();
    const map = pool.map("logged", stage.items(3), { mapId: "m" });
    expect(pool.attach("m")).toBe(map);
    expect(await rejection(pool.map("logged", stage.items(3), { mapId: "m" }))).toMatchObject({
      code: "INVALID_OPTION",
    });
    const one = pool.apply("logged", stage.items(2).slice(1) as [durable.Item], { mapId: "one" });
    const asMap = pool.attach("one");
    await stage.workers();
    expect(await map).toEqual(doubled(3));
    expect(await one).toBe(2);
    expect(await asMap).toEqual([2]);
    expect(await rejection(pool.attach("m"))).toMatchObject({ code: "UNKNOWN_MAP" });
  });

  test("twice in another pool gives the same handle", async () => {
    const stage = new Durable();
    const map = stage.client().map("logged", stage.items(3), { mapId: "m" });
    await stage.sealed();
    const other = stage.client();
    const attached = other.attach("m");
    expect(other.attach("m")).toBe(attached);
    await stage.workers();
    expect(await attached).toEqual(doubled(3));
    expect(await map).toEqual(doubled(3));
  });

  test("twice: every pool gets the results", async () => {
    const stage = new Durable();
    const producer = stage.producer(40);
    await stage.sealed();
    await kill(producer);
    const maps = [stage.client(), stage.client()].map((pool) => pool.attach("m"));
    await expect.poll(() => maps.map(({ progress }) => progress.total)).toEqual([40, 40]);
    await stage.workers();
    expect(await Promise.all(maps)).toEqual([doubled(40), doubled(40)]);
    expect(stage.repeats).toBe(0);
  });
});

describe("a map id that is in use", () => {
  const CALLS: readonly (readonly [
    string,
    (pool: Pool<Tasks>, items: durable.Item[]) => PromiseLike<unknown>,
  ])[] = [
    ["another task", (pool, items) => pool.map("other", items, { mapId: "m", chunksize: 2 })],
    [
      "other arguments",
      (pool, items) =>
        pool.map(
          "logged",
          items.map((item) => ({ ...item, x: -item.x })),
          { mapId: "m", chunksize: 2 },
        ),
    ],
    [
      "another last argument",
      (pool, items) =>
        pool.map("logged", [...items.slice(0, -1), { log: "", x: 7 }], { mapId: "m", chunksize: 2 }),
    ],
    ["another chunksize", (pool, items) => pool.map("logged", items, { mapId: "m", chunksize: 3 })],
    ["fewer items", (pool, items) => pool.map("logged", items.slice(0, 4), { mapId: "m", chunksize: 2 })],
    [
      "fewer items of a lazy input",
      (pool, items) => pool.map("logged", items.slice(0, 4).values(), { mapId: "m", chunksize: 2 }),
    ],
    [
      "more items of a lazy input",
      (pool, items) => pool.map("logged", [...items, ...items].values(), { mapId: "m", chunksize: 2 }),
    ],
  ];

  test.for(CALLS)("is refused to a call with %s, and the map stays what it was", async ([, call]) => {
    const stage = new Durable();
    const producer = stage.producer(10);
    await stage.sealed();
    await kill(producer);
    const before = await stage.leftovers();
    const pool = stage.client();
    expect(await rejection(call(pool, stage.items(10)))).toMatchObject({
      name: "MapIdInUseError",
      code: "MAP_ID_IN_USE",
    });
    expect(await stage.leftovers()).toEqual(before);
    await stage.workers();
    expect(await pool.attach("m")).toEqual(doubled(10));
  });

  test("is free again once the map was delivered", async () => {
    const stage = new Durable();
    await stage.workers();
    const pool = stage.client();
    expect(await pool.map("logged", stage.items(3), { mapId: "m" })).toEqual(doubled(3));
    expect(await pool.map("other", stage.items(4), { mapId: "m" })).toEqual([0, 1, 2, 3]);
  });
});

test.for(["", " ", "a:b", "{x}", "a/b", "a*", "x".repeat(101), "é", "a\n", 5, null, {}])(
  "the map id %j is refused before anything is enqueued",
  async (mapId) => {
    const stage = new Durable();
    const pool = stage.client();
    const hostile = mapId as string;
    expect(await rejection(pool.map("logged", stage.items(1), { mapId: hostile }))).toMatchObject({
      code: "INVALID_OPTION",
    });
    expect(await rejection(pool.attach(hostile))).toMatchObject({ code: "INVALID_OPTION" });
    expect(await redis().admin.keys(stage.keys.pattern)).toEqual([]);
  },
);

test.for(["constructor", "__proto__", "wait", "7", "a-1", "-", "_"])(
  "the map id %j is one like any other",
  async (mapId) => {
    const stage = new Durable();
    await stage.workers();
    const pool = stage.client();
    expect(await pool.map("logged", stage.items(3), { mapId })).toEqual(doubled(3));
    expect(await rejection(pool.attach(mapId))).toMatchObject({ code: "UNKNOWN_MAP" });
  },
);

test("attach() of a map that nobody began is an UnknownMapError", async () => {
  const stage = new Durable();
  expect(await rejection(stage.client().attach("nobody"))).toMatchObject({
    name: "UnknownMapError",
    code: "UNKNOWN_MAP",
    message: expect.stringContaining('no map "nobody"'),
  });
});

test("a map that was delivered leaves nothing behind", async () => {
  const stage = new Durable();
  await stage.workers();
  const pool = stage.client();
  await pool.map("logged", stage.items(20), { mapId: "m", chunksize: 3 });
  await expect.poll(() => stage.leftovers()).toEqual([]);
  expect(await rejection(pool.attach("m"))).toMatchObject({ code: "UNKNOWN_MAP" });
});

test("every key of a map expires by itself, if its producer is gone for good", async () => {
  const stage = new Durable();
  await stage.workers();
  const producer = stage.producer(20);
  await stage.marks.started(5);
  await kill(producer);
  await stage.marks.started(20);
  await expect.poll(async () => (await stage.leftovers()).length).toBe(4);
  const keys = await stage.leftovers();
  expect(keys.map((key) => key.replace(/.*:/, ""))).toEqual(["args", "done", "meta", "out"]);
  for (const key of keys) expect(await redis().admin.pttl(key), key).toBeGreaterThan(23 * 3_600_000);
});

test("an item that can't be sent fails for the attacher too, and for whoever calls again", async () => {
  const stage = new Durable();
  const items: unknown[] = stage.items(6);
  items[3] = { log: stage.marks.log, x: () => 3 };
  const call = (pool: Pool<Tasks>): PromiseLike<unknown> =>
    pool.map("logged", items as durable.Item[], { mapId: "m", chunksize: 2 });
  const [first, second] = [stage.client(), stage.client()];
  const map = call(first);
  await stage.sealed();
  const attached = second.attach("m");
  await expect.poll(() => attached.progress).toMatchObject({ total: 6, done: 1, failed: 1 });
  const again = call(stage.client());
  await stage.workers();
  const expected = { code: "SERIALIZATION", path: ".x" };
  expect(await rejection(map)).toMatchObject(expected);
  expect(await rejection(attached)).toMatchObject(expected);
  expect(await rejection(again)).toMatchObject(expected);
  expect((await attached.settled()).map(({ status }) => status === "fulfilled")).toEqual([
    true,
    true,
    true,
    false,
    true,
    true,
  ]);
  expect(stage.repeats).toBe(0);
});

test("a slow input is cut into the same chunks by everybody", async () => {
  const stage = new Durable();
  const items = stage.items(10);
  async function* dripping(): AsyncGenerator<durable.Item> {
    for (const item of items) {
      await new Promise(setImmediate);
      yield item;
    }
  }
  const [first, second] = [stage.client(), stage.client()];
  const map = first.map("logged", dripping(), { mapId: "m", chunksize: 4 });
  await stage.sealed();
  const again = second.map("logged", items, { mapId: "m", chunksize: 4 });
  await stage.workers();
  expect(await map).toEqual(doubled(10));
  expect(await again).toEqual(doubled(10));
  expect(stage.repeats).toBe(0);
});

test("a durable stream can be taken up as well", async () => {
  const stage = new Durable();
  await stage.workers();
  const pool = stage.client();
  const results: number[] = [];
  const options = { mapId: "m", chunksize: 3, buffersize: 2 };
  for await (const result of pool.imap("logged", stage.items(20), options)) results.push(result);
  expect(results).toEqual(doubled(20));
  await expect.poll(() => stage.leftovers()).toEqual([]);
});

describe("an attached pool", () => {
  async function abandoned(): Promise<Durable> {
    const stage = new Durable();
    const producer = stage.producer(20);
    await stage.sealed();
    await kill(producer);
    return stage;
  }

  test("that is terminated leaves the map to others", async () => {
    const stage = await abandoned();
    const pool = stage.client();
    const attached = pool.attach("m");
    await expect.poll(() => attached.progress.total).toBe(20);
    const ended = rejection(attached);
    await pool.terminate();
    expect(await ended).toMatchObject({ code: "CANCELLED" });
    await stage.workers();
    expect(await stage.client().attach("m")).toEqual(doubled(20));
  });

  test("whose handle is cancelled ends the map", async () => {
    const stage = await abandoned();
    const attached = stage.client().attach("m");
    await expect.poll(() => attached.progress.total).toBe(20);
    attached.cancel("enough");
    expect(await rejection(attached)).toMatchObject({ code: "CANCELLED", cause: "enough" });
    expect(await rejection(stage.client().attach("m"))).toMatchObject({ code: "UNKNOWN_MAP" });
  });

  test("that is closed waits for the map", async () => {
    const stage = await abandoned();
    const pool = stage.client();
    const attached = pool.attach("m");
    pool.close();
    await stage.workers();
    expect(await attached).toEqual(doubled(20));
    await pool.join();
  });

  test("is told when Redis loses everything", async () => {
    const stage = await abandoned();
    const attached = stage.client().attach("m");
    await expect.poll(() => attached.progress.total).toBe(20);
    await redis().admin.flushall();
    expect(await rejection(attached)).toMatchObject({
      code: "INCOMPLETE_MAP",
      message: expect.stringMatching(/Redis has lost it\. Call the same map again/),
    });
    // Nothing tells whether there ever was such a map.
    expect(await rejection(stage.client().attach("m"))).toMatchObject({
      code: "UNKNOWN_MAP",
      message: expect.stringContaining("or Redis has lost it"),
    });
  });

  test("of which Redis has lost all but what its producer said last is told so", async () => {
    const stage = await abandoned();
    const attached = stage.client().attach("m");
    await expect.poll(() => attached.progress.total).toBe(20);
    const { meta, done, out } = stage.keys;
    await redis().admin.del(done("m"), out("m"));
    expect(await redis().admin.exists(meta("m"))).toBe(1);
    expect(await rejection(attached)).toMatchObject({ code: "INCOMPLETE_MAP" });
  });

  test("is told when jobs of the map vanish", async () => {
    const stage = await abandoned();
    const attached = stage.client().attach("m");
    await expect.poll(() => attached.progress.total).toBe(20);
    const jobs = (await stage.leftovers()).filter((key) => /-\d+$/.test(key));
    await redis().admin.unlink(...jobs);
    expect(await rejection(attached)).toMatchObject({ code: "INCOMPLETE_MAP" });
  });
});

test("a producer that lives survives the loss of everything in Redis", async () => {
  const stage = new Durable();
  const map = stage.client().map("logged", stage.items(20), { mapId: "m" });
  await stage.sealed();
  await redis().admin.flushall();
  await stage.sealed();
  const attached = stage.client().attach("m");
  await stage.workers();
  expect(await map).toEqual(doubled(20));
  expect(await attached).toEqual(doubled(20));
});

/** A handle in a box, for a promise would wait for it; undefined if the map is not there yet. */
async function attachOnce(pool: Pool<Tasks>): Promise<{ readonly value: PromiseLike<unknown> } | undefined> {
  const value = pool.attach("m");
  const early = value.then(
    () => undefined,
    () => "unknown",
  );
  const seen = until(() => value.progress.total !== undefined, { what: "the total" }).then(() => undefined);
  return (await Promise.race([early, seen])) === "unknown" ? undefined : { value };
}

describe("a producer that stops in good order", () => {
  test("by terminate() leaves its map, which goes on", async () => {
    const stage = new Durable();
    const pool = stage.client();
    const map = pool.map("logged", stage.items(20), { mapId: "m" });
    await stage.sealed();
    await pool.terminate();
    expect(await rejection(map)).toMatchObject({ code: "CANCELLED" });
    await stage.workers();
    expect(await stage.client().attach("m")).toEqual(doubled(20));
    expect(stage.repeats).toBe(0);
  });

  test("by close() leaves the results at which nobody has looked", async () => {
    const stage = new Durable();
    await stage.workers();
    const pool = stage.client();
    const map = pool.map("logged", stage.items(20), { mapId: "m" });
    expect(map.ready()).toBe(false);
    pool.close();
    await pool.join();
    expect(await stage.client().attach("m")).toEqual(doubled(20));
    expect(stage.repeats).toBe(0);
    await stage.expireSoon();
  });

  test("by close() leaves nothing of a map that was awaited", async () => {
    const stage = new Durable();
    await stage.workers();
    const pool = stage.client();
    const map = pool.map("logged", stage.items(20), { mapId: "m" });
    pool.close();
    expect(await map).toEqual(doubled(20));
    await pool.join();
    expect(await stage.leftovers()).toEqual([]);
  });
});

test("results at which nobody has looked yet stay in Redis until somebody does", async () => {
  const stage = new Durable();
  await stage.workers();
  const map = stage.client().map("logged", stage.items(3), { mapId: "m" });
  await until(() => map.ready(), { what: "the map to end" });
  expect(await stage.leftovers()).toContain(stage.keys.out("m"));
  expect(await map).toEqual(doubled(3));
  await expect.poll(() => stage.leftovers()).toEqual([]);
});

describe("detach()", () => {
  test("resolves once all is in Redis, and leaves the map to whoever attaches", async () => {
    const stage = new Durable();
    const pool = stage.client();
    const gate = Promise.withResolvers<void>();
    const items = stage.items(6);
    const map = pool.map(
      "logged",
      (async function* () {
        yield* items.slice(0, 3);
        await gate.promise;
        yield* items.slice(3);
      })(),
      { mapId: "m" },
    );
    const left = map.detach();
    gate.resolve();
    await left;
    expect(await redis().admin.hget(stage.keys.meta("m"), "total")).toBe("6");
    expect(await rejection(map)).toMatchObject({
      code: "CANCELLED",
      message: expect.stringContaining("attach()"),
    });
    // Nothing is pending any more.
    pool.close();
    await pool.join();
    await stage.workers();
    const attached = stage.client().attach("m");
    expect(await attached).toEqual(doubled(6));
    await attached.detach(); // it has ended: there is nothing to leave
    expect(stage.repeats).toBe(0);
  });

  test("of an attached handle leaves it as it was; of a map without `mapId`, or that was refused, rejects", async () => {
    const stage = new Durable();
    const [first, second] = [stage.client(), stage.client()];
    await first.map("logged", stage.items(3), { mapId: "m" }).detach();
    const attached = second.attach("m");
    await expect.poll(() => attached.progress.total).toBe(3);
    await attached.detach();
    expect(await rejection(first.map("other", stage.items(3), { mapId: "m" }).detach())).toMatchObject({
      code: "MAP_ID_IN_USE",
    });
    const plain = first.map("logged", []);
    expect(await rejection(plain.detach())).toMatchObject({ code: "INVALID_STATE" });
    expect(await rejection(plain.acknowledge())).toMatchObject({ code: "INVALID_STATE" });
    await stage.workers();
    expect(await second.attach("m")).toEqual(doubled(3));
  });
});

describe("a map with keepMs", () => {
  const KEEP = { mapId: "m", keepMs: 60_000 };

  test("is kept after its end, for attach() and the same call, until it is acknowledged", async () => {
    const stage = new Durable();
    await stage.workers();
    const pool = stage.client();
    const map = pool.map("logged", stage.items(5), KEEP);
    expect(await rejection(map.acknowledge())).toMatchObject({ code: "INVALID_STATE" });
    expect(await map).toEqual(doubled(5));
    expect(await pool.attach("m")).toEqual(doubled(5));
    expect(await stage.client().attach("m")).toEqual(doubled(5));
    expect(await stage.client().map("logged", stage.items(5), KEEP)).toEqual(doubled(5));
    expect(await rejection(pool.map("logged", stage.items(4), KEEP))).toMatchObject({
      code: "MAP_ID_IN_USE",
    });
    expect(stage.repeats).toBe(0);
    await map.acknowledge();
    expect(await stage.leftovers()).not.toContain(stage.keys.meta("m"));
    expect(await rejection(pool.attach("m"))).toMatchObject({ code: "UNKNOWN_MAP" });
    expect(await pool.map("other", stage.items(5), { mapId: "m" })).toEqual([0, 1, 2, 3, 4]);
  });

  test("goes after that time, counted from its end, however often it is read; its handle need not be looked at", async () => {
    const stage = new Durable();
    await stage.workers();
    const pool = stage.client();
    void pool.map("logged", stage.items(3), KEEP);
    const left = (key: string): Promise<number> => redis().admin.pttl(key);
    await expect.poll(() => redis().admin.hexists(stage.keys.meta("m"), "delivered")).toBe(1);
    // As if most of the time were over.
    await redis().admin.hincrby(stage.keys.meta("m"), "delivered", -50_000);
    const attached = stage.client().attach("m");
    expect(await attached).toEqual(doubled(3));
    await expect.poll(() => left(stage.keys.meta("m"))).toBeLessThanOrEqual(10_000);
    for (const key of await stage.leftovers()) expect(await left(key), key).toBeLessThanOrEqual(10_000);
    await attached.acknowledge();
    await expect
      .poll(async () => (await stage.leftovers()).filter((key) => !key.endsWith(":out")))
      .toEqual([]);
  });

  test("whose items failed gives their errors again, and is retried like any other", async () => {
    const stage = new Durable();
    await stage.workers();
    const items = [...stage.items(2), null as unknown as durable.Item];
    const pool = stage.client();
    const first = await pool.map("logged", items, KEEP).settled();
    expect(first.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "rejected"]);
    const again = await stage.client().attach("m").settled();
    expect(again.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "rejected"]);
    expect(stage.repeats).toBe(0);
  });

  test.for([
    [{ keepMs: 5 }, /together with `mapId`/],
    [{ mapId: "m", keepMs: 0 }, /`keepMs` to be an integer/],
    [{ mapId: "m", keepMs: "1h" as unknown as number }, /`keepMs` to be an integer/],
  ] as const)("is refused with %j", async ([options, message]) => {
    expect(await rejection(new Durable().client().map("logged", [], options))).toMatchObject({
      code: "INVALID_OPTION",
      message: expect.stringMatching(message),
    });
  });
});
