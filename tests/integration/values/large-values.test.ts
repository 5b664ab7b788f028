/** Values that travel as bytes beside the text of jobs and outcomes. */

import { randomBytes } from "node:crypto";

import type { Pool, PoolOptions } from "@poolmq/producer";
import type { WorkerOptions } from "@poolmq/worker";
import { MapControl } from "@poolmq/worker/control";
import { describe, expect, onTestFinished, test } from "vitest";

import type * as tasks from "../../fixtures/buffer-tasks.ts";
import { onBothPools } from "../../support/both-pools.ts";
import { LogRecords } from "../../support/log-records.ts";
import { Program } from "../../support/processes.ts";
import { RedisServer, redisForFile } from "../../support/redis-server.ts";
import { Marks, rejection, Stage } from "../../support/stage.ts";
import { until } from "../../support/until.ts";
import { startWorker } from "../../support/worker-program.ts";

type Tasks = typeof tasks;

const redis = redisForFile();

const MODULE = new URL("../../fixtures/buffer-tasks.ts", import.meta.url);
const KEY = "the key of this fleet, of 32 bytes or more";
const MIB = 1024 * 1024;

class LargeStage extends Stage {
  readonly marks = new Marks();

  constructor() {
    super(redis());
  }

  client(options: PoolOptions<Tasks> = {}): Pool<Tasks> {
    return this.pool<Tasks>(options);
  }

  async workers(options: Partial<WorkerOptions> = {}): Promise<void> {
    await this.machine({ module: MODULE, ...options });
  }

  /** Items of `gated`. */
  items(...buffers: Buffer[]): (readonly [string, string, Buffer])[] {
    return buffers.map((buffer) => [this.marks.log, this.marks.gate, buffer] as const);
  }

  /** Waits until the bytes of so many jobs are in Redis. */
  async stored(mapId: string, count: number): Promise<void> {
    // And the field that keeps the key.
    await until(async () => (await redis().admin.hlen(this.keys.in(mapId))) === count + 1, {
      what: `the bytes of ${count} jobs`,
    });
  }

  /** Waits until the whole input of map "m" is in Redis. */
  async sealed(): Promise<void> {
    await until(() => redis().admin.hget(this.keys.meta("m"), "total"), { what: "the end of its input" });
  }

  /** Waits until so many jobs wait. */
  async waiting(count: number): Promise<void> {
    const wait = this.keys.job("wait");
    await until(async () => (await redis().admin.llen(wait)) === count, { what: `${count} jobs` });
  }

  /** Waits until nothing is left of the queue's maps and jobs. */
  async empty(): Promise<void> {
    await expect
      .poll(async () => {
        const keys = await redis().admin.keys(this.keys.pattern);
        // The errors of a failed map stay for whoever watches, until they expire.
        return keys.filter((key) => /:map:|:[\w-]+-\d+$/.test(key) && !key.endsWith(":errors"));
      })
      .toEqual([]);
  }
}

const VALUES: readonly (readonly [string, unknown])[] = [
  ["a Buffer", randomBytes(MIB)],
  ["a part of larger memory", new Uint8Array(randomBytes(MIB).buffer, 8, 100_000)],
  ["doubles", Float64Array.from({ length: MIB / 8 }, (_, i) => i / 7)],
  ["a DataView", new DataView(randomBytes(50_000).buffer.slice(0))],
  ["an ArrayBuffer", new ArrayBuffer(50_000)],
  ["an array of fractions", Array.from({ length: 20_000 }, (_, i) => i / 7)],
  ["a Map", new Map(Array.from({ length: 20_000 }, (_, i) => [i, new Date(i)]))],
  ["several in one object", { a: randomBytes(20_000), b: [randomBytes(20_000)], c: undefined }],
  ["a text that is in no need of it", "é".repeat(MIB / 2)],
];

onBothPools(({ shared }) => {
  test.for(VALUES)("%s is what it was, as argument and as result", async ([, value]) => {
    expect(await shared().apply("echo", [value])).toEqual(value);
  });

  test("of a chunk, each comes back as if it had been sent alone", async () => {
    const items = [...VALUES.map(([, value]) => value), 1, "small", undefined, Buffer.from("small"), null];
    for (const chunksize of [2, 5, items.length]) {
      expect(await shared().map("echo", items, { chunksize })).toEqual(items);
    }
    const twice = randomBytes(20_000);
    const [first, second] = (await shared().map("echo", [twice, twice], { chunksize: 2 })) as Buffer[];
    expect(first).toEqual(twice);
    expect(second?.buffer).not.toBe(first?.buffer);
  });

  test("each size near those of pipes and reads", async () => {
    const sizes = [0, 1, 16_000, 16_384, 16_400, 65_535, 65_536, 65_537, 200_000];
    const items = sizes.map((size) => randomBytes(size));
    expect(await shared().map("echo", items)).toEqual(items);
  });
});

describe("in Redis", () => {
  test("bytes are there from before their job until its outcome, and nothing of them stays", async () => {
    const stage = new LargeStage();
    const [buffer, small] = [randomBytes(MIB), randomBytes(10)];
    const result = stage.client().starmap("gated", stage.items(buffer, small, buffer));
    await stage.waiting(3);
    const stored = await redis().admin.hgetallBuffer(stage.keys.in(result.id));
    expect(Object.keys(stored).sort()).toEqual(["", "0", "2"]);
    expect(stored["0"]?.includes(buffer)).toBe(true);
    expect(stored["0"]?.length).toBeLessThan(MIB + 100_000);
    expect(await redis().admin.pttl(stage.keys.in(result.id))).toBeGreaterThan(0);
    expect((await redis().admin.hget(stage.keys.job(`${result.id}-0`), "data"))?.length).toBeLessThan(1_000);
    await stage.workers();
    await stage.marks.started(1);
    await stage.stored(result.id, 2);
    stage.marks.open();
    expect(await result).toEqual([buffer, small, buffer]);
    await stage.empty();
  });

  test("a map that is cancelled leaves nothing", async () => {
    const stage = new LargeStage();
    await stage.workers();
    const result = stage
      .client()
      .starmap("gated", stage.items(...Array<Buffer>(20).fill(randomBytes(100_000))));
    await stage.marks.started(1);
    result.cancel("enough");
    expect(await rejection(result)).toMatchObject({ code: "CANCELLED" });
    await stage.empty();
  });

  test("many times Redis's share pass through it, and it stays small", async () => {
    await using server = await RedisServer.start();
    const stage = new Stage(server);
    await stage.machine({ module: MODULE });
    const pool = stage.pool<Tasks>();
    await pool.apply("zeros", [MIB]);
    const memory = async (figure: string): Promise<number> =>
      Number(new RegExp(`^${figure}:(\\d+)`, "m").exec(await server.admin.info("memory"))?.[1]);
    await server.admin.config("RESETSTAT");
    const before = await memory("used_memory");
    const [count, buffer] = [100, randomBytes(MIB)];
    let received = 0;
    for await (const echo of pool.imap("echo", Array<Buffer>(count).fill(buffer), { buffersize: 8 })) {
      received += (echo as Buffer).length;
    }
    expect(received).toBe(count * MIB);
    expect((await memory("used_memory_peak")) - before).toBeLessThan(50 * MIB);
  });
});

describe("limits", () => {
  test("count the bytes as they are, and an item that crosses one has its own error", async () => {
    const stage = new LargeStage();
    await stage.workers({ maxOutcomeBytes: MIB });
    const pool = stage.client({ maxPayloadBytes: MIB });
    const fits = randomBytes(MIB - 100);
    const [echoed, large, small] = await pool
      .map("echo", [fits, randomBytes(MIB), randomBytes(20_000)], { chunksize: 3 })
      .settled();
    expect(echoed).toEqual({ status: "fulfilled", value: fits });
    expect(large).toMatchObject({
      reason: {
        code: "LIMIT_EXCEEDED",
        limit: "maxPayloadBytes",
        max: MIB,
        message: expect.stringContaining("The encoded argument"),
      },
    });
    expect(small).toMatchObject({ status: "fulfilled" });
    const [made, tooMuch, madeToo] = await pool
      .map("zeros", [MIB - 100, MIB, 20_000], { chunksize: 3 })
      .settled();
    expect(made).toEqual({ status: "fulfilled", value: Buffer.alloc(MIB - 100) });
    expect(tooMuch).toMatchObject({
      reason: { limit: "maxOutcomeBytes", message: expect.stringContaining("The encoded result") },
    });
    expect(madeToo).toEqual({ status: "fulfilled", value: Buffer.alloc(20_000) });
  });
});

test("a machine reads no more arguments than it may hold, and the others when there is room again", async () => {
  const stage = new LargeStage();
  await stage.workers({ processes: 2, concurrency: 4, maxHeldBytes: MIB });
  const buffers = Array.from({ length: 8 }, () => randomBytes(400_000));
  const result = stage.client().starmap("gated", stage.items(...buffers));
  await stage.marks.started(2);
  await until(async () => (await redis().admin.llen(stage.keys.job("active"))) === 8, {
    what: "all jobs to be with the machine",
  });
  expect(stage.marks.lines).toHaveLength(2);
  stage.marks.open();
  expect(await result).toEqual(buffers);
  expect(stage.marks.lines).toHaveLength(8);
  await stage.empty();
});

describe("a run that fails", () => {
  test("gives errors with large properties", async () => {
    const stage = new LargeStage();
    await stage.workers();
    const body = randomBytes(MIB);
    expect(await rejection(stage.client().map("failWith", [body]))).toMatchObject({ message: "no", body });
  });

  test("is repeated for the items that failed, and keeps the large results of the others", async () => {
    const stage = new LargeStage();
    await stage.workers();
    const items = [randomBytes(MIB), 1, randomBytes(20_000), 2, 0];
    expect(await stage.client().map("echoOrFail", items, { chunksize: 5, attempts: 3 })).toEqual(items);
    const [large, failed] = await stage
      .client()
      .map("echoOrFail", [randomBytes(MIB), 9], { chunksize: 2, attempts: 2 })
      .settled();
    expect(large?.status).toBe("fulfilled");
    expect(failed).toMatchObject({ reason: { name: "RangeError", remote: { attempt: 2 } } });
    await stage.empty();
  });

  test("because its process is gone has its arguments again", async () => {
    const stage = new LargeStage();
    await stage.workers();
    const buffers = [randomBytes(MIB), randomBytes(MIB)];
    const result = stage.client().starmap("gated", stage.items(...buffers), { chunksize: 2 });
    const [pid] = await stage.marks.started(1);
    process.kill(Number(pid), "SIGKILL");
    await stage.marks.started(2);
    stage.marks.open();
    expect(await result).toEqual(buffers);
    await stage.empty();
  });

  test("because its machine is gone has its arguments again", async () => {
    const stage = new LargeStage();
    const buffers = [randomBytes(MIB), randomBytes(MIB)];
    const result = stage.client().starmap("gated", stage.items(...buffers));
    const machine = startWorker(MODULE.pathname, { url: redis().url, queue: stage.queue });
    await stage.marks.started(1);
    machine.kill("SIGKILL");
    await machine.exited;
    await stage.workers();
    await stage.marks.started(2);
    stage.marks.open();
    expect(await result).toEqual(buffers);
    await stage.empty();
  });
});

describe("bytes that Redis has lost", () => {
  test("are sent again, and the map is completed", async () => {
    const stage = new LargeStage();
    const buffers = [randomBytes(MIB), randomBytes(MIB)];
    const result = stage.client().map("echo", buffers);
    await stage.waiting(2);
    await redis().admin.del(stage.keys.in(result.id));
    await stage.workers();
    expect(await result).toEqual(buffers);
    await stage.empty();
  });

  test("of an outcome too", async () => {
    const stage = new LargeStage();
    await stage.workers();
    const pool = stage.client();
    const buffers = [randomBytes(MIB), randomBytes(MIB)];
    const result = pool.starmap("gated", stage.items(...buffers));
    await stage.marks.started(1);
    // As if its outcome had been published and lost.
    await redis().admin.setbit(stage.keys.done(result.id), 1, 1);
    stage.marks.open();
    expect(await result).toEqual(buffers);
  });

  test("of a map whose producer is gone too are an error of who attached to it", async () => {
    const stage = new LargeStage();
    await using producer = Program.source(`
      import { Pool } from "@poolmq/producer";
      const pool = new Pool({ connection: ${JSON.stringify(redis().url)}, queue: ${JSON.stringify(stage.queue)} });
      pool.map("echo", [Buffer.alloc(20_000), 1], { mapId: "m" });
    `);
    await stage.sealed();
    producer.kill("SIGKILL");
    await producer.exited;
    await redis().admin.del(stage.keys.in("m"));
    await stage.workers();
    expect(await rejection(stage.client().attach("m"))).toMatchObject({ code: "INCOMPLETE_MAP" });
  });
});

describe("a durable map", () => {
  test("is taken up by another producer, which is told if its bytes are others", async () => {
    const stage = new LargeStage();
    const buffers = [randomBytes(MIB), randomBytes(MIB), randomBytes(MIB)];
    const first = stage.client().starmap("gated", stage.items(...buffers), { mapId: "m" });
    await stage.sealed();
    const others = [...buffers.slice(0, 2), randomBytes(MIB)];
    expect(
      await rejection(stage.client().starmap("gated", stage.items(...others), { mapId: "m" })),
    ).toMatchObject({ code: "MAP_ID_IN_USE" });
    const again = stage.client().starmap("gated", stage.items(...buffers), { mapId: "m" });
    const attached = stage.client().attach("m");
    stage.marks.open();
    await stage.workers();
    expect(await Promise.all([first, again, attached])).toEqual([buffers, buffers, buffers]);
    expect(stage.marks.lines).toHaveLength(3);
  });

  test("whose items failed can be retried, with the same bytes", async () => {
    const stage = new LargeStage();
    await stage.workers();
    const buffers = [randomBytes(MIB), randomBytes(MIB)];
    const items = buffers.map((buffer) => [stage.marks.gate, buffer] as const);
    const failed = stage.client().starmap("gateMustBeOpen", items, { mapId: "m" });
    expect(await rejection(failed)).toMatchObject({ message: "closed" });
    const meta = stage.keys.meta("m");
    await until(async () => (await redis().admin.hexists(meta, "delivered")) === 1, {
      what: "the map's end",
    });
    expect(await redis().admin.pttl(stage.keys.in("m"))).toBeGreaterThan(0);
    stage.marks.open();
    const control = new MapControl(redis().admin, stage);
    onTestFinished(() => control.close());
    expect(await control.retry("m")).toEqual({ items: 2 });
    expect(await stage.client().attach("m")).toEqual(buffers);
    await expect.poll(() => redis().admin.exists(stage.keys.in("m"))).toBe(0);
  });
});

describe("a shared value", () => {
  test.for([undefined, KEY])("is stored as the bytes that it has (signingKey: %s)", async (signingKey) => {
    const stage = new LargeStage();
    const signed = signingKey === undefined ? {} : { signingKey };
    await stage.workers(signed);
    const pool = stage.client(signed);
    const buffer = randomBytes(MIB);
    const shared = await pool.share(buffer);
    const stored = await redis().admin.getBuffer(stage.keys.share(shared.id));
    expect(stored?.includes(buffer)).toBe(true);
    expect(stored?.length).toBeLessThan(MIB + 200);
    expect(await pool.starmap("sizeOf", [[shared], [shared]])).toEqual([MIB, MIB]);
    expect(await pool.apply("echo", [shared])).toEqual(buffer);
  });
});

describe("with a `signingKey`", () => {
  test("bytes are signed with what names them", async () => {
    const stage = new LargeStage();
    const log = new LogRecords();
    const buffers = [randomBytes(MIB), randomBytes(MIB)];
    const result = stage.client({ signingKey: KEY }).map("echo", buffers, { mapId: "m" });
    await stage.sealed();
    const bytes = await redis().admin.hgetBuffer(stage.keys.in("m"), "1");
    if (bytes === null) throw new Error("no bytes");
    bytes.writeUInt8(bytes.readUInt8(500) ^ 1, 500);
    await redis().admin.hset(stage.keys.in("m"), "1", bytes);
    await stage.workers({ signingKey: KEY, logger: log.logger });
    // Not run as they are: the producer finds the job missing, and sends them again.
    expect(await result).toEqual(buffers);
    expect(log.of("job refused: not run, and not answered").map(({ reason }) => reason)).toEqual([
      "the bytes of its arguments are not those that were signed",
    ]);
  });
});
