/** With a `signingKey`, whoever can write to Redis and has no key can neither run anything nor make up results. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";

import type { Pool, PoolOptions } from "@poolmq/producer";
import { resolveSigningKeys } from "@poolmq/shared/internal";
import { contentOf, sealOutcome } from "@poolmq/shared/redis";
import type { WorkerOptions } from "@poolmq/worker";
import { describe, expect, onTestFinished, test } from "vitest";

import type * as tasks from "../../fixtures/signed-tasks.ts";
import { collect } from "../../support/collect.ts";
import { Forger } from "../../support/forger.ts";
import { LogRecords } from "../../support/log-records.ts";
import { redisForFile } from "../../support/redis-server.ts";
import { Marks, rejection, Stage, temporaryFolder } from "../../support/stage.ts";
import { until } from "../../support/until.ts";
import { recordsOf, runPoolmq, startWorker } from "../../support/worker-program.ts";

const redis = redisForFile();

const MODULE = new URL("../../fixtures/signed-tasks.ts", import.meta.url);
const KEY = "the key of this fleet, of 32 bytes or more";
const OLD_KEY = "the key that this fleet had before that one";

type Tasks = typeof tasks;

class SignedStage extends Stage {
  readonly marks = new Marks();
  readonly forger: Forger = new Forger(redis(), this.queue);
  readonly log = new LogRecords();

  constructor() {
    super(redis());
  }

  signedPool(options: PoolOptions<Tasks> = {}): Pool<Tasks> {
    return this.pool<Tasks>({ signingKey: KEY, logger: this.log.logger, ...options });
  }

  async signedMachine(options: Partial<WorkerOptions> = {}) {
    return await this.machine({ module: MODULE, signingKey: KEY, logger: this.log.logger, ...options });
  }

  /** What the machines said of jobs that they did not run. */
  get refused(): unknown[] {
    return this.log.of("job refused: not run, and not answered").map(({ reason }) => reason);
  }
}

function warningsOf(stage: SignedStage): unknown[] {
  return stage.log.lines.filter((line) => line.includes("is not signed with this pool's"));
}

describe("with one key on both sides", () => {
  test("everything works", async () => {
    const stage = new SignedStage();
    await stage.signedMachine({ processes: 2 });
    const pool = stage.signedPool();
    const table = await pool.share([1, 2, 3]);
    const progress: unknown[] = [];
    const log = join(temporaryFolder(), "log");
    const values = [0, 1, 2, 3, 4, 5, 6, 7, 8];
    const [noted, sized, troubled, streamed] = await Promise.all([
      pool.starmap(
        "note",
        ["a", "b", "c"].map((value) => [stage.marks.log, value] as const),
      ),
      pool.starmap("sizeOf", [
        [table, 1],
        [table, 2],
      ]),
      pool.starmap(
        "troubled",
        values.map((value) => [log, value] as const),
        {
          chunksize: 3,
          attempts: 3,
          backoff: { type: "exponential", delayMs: 1 },
          priority: 4,
          taskTimeoutMs: 20_000,
        },
      ),
      collect(pool.istarmap("note", [[stage.marks.log, "d"]])),
    ]);
    expect(noted).toEqual(["a", "b", "c"]);
    expect(sized).toEqual([4, 5]);
    expect(troubled).toEqual(values.map((value) => value * 2));
    expect(streamed).toEqual(["d"]);
    const limited = ["e", "f", "g"].map((value) => [stage.marks.log, value] as const);
    const limit = { key: "service", concurrency: 1, ratePerSecond: 1_000 };
    expect(await pool.starmap("note", limited, { limit })).toEqual(["e", "f", "g"]);
    const cancelled = pool.starmap("noteAtGate", [[stage.marks.log, stage.marks.gate, "never"]], {
      onTaskProgress: (value) => progress.push(value),
    });
    await until(() => progress.length > 0, { what: "word of its progress" });
    expect(progress).toEqual([{ value: "never" }]);
    cancelled.cancel();
    expect(await rejection(cancelled)).toMatchObject({ code: "CANCELLED" });
    expect(stage.refused).toEqual([]);
    expect(warningsOf(stage)).toEqual([]);
  });

  test("a pool with workers of its own works, and its tasks do not see the key", async () => {
    const pool = new Stage(redis()).localPool<Tasks>({ tasks: MODULE, signingKey: KEY });
    expect(JSON.stringify(await pool.apply("environment", []))).not.toContain(KEY);
  });

  test("another producer takes a durable map up, with attach() and with the same call", async () => {
    const stage = new SignedStage();
    await stage.signedMachine();
    const items = ["a", "b", "c"].map((value) => [stage.marks.log, stage.marks.gate, value] as const);
    const first = stage.signedPool().starmap("noteAtGate", items, { mapId: "m" });
    first.catch(() => {});
    await stage.marks.started(1);
    const attached = stage.signedPool().attach("m");
    const again = stage.signedPool().starmap("noteAtGate", items, { mapId: "m" });
    await until(() => attached.progress.total === 3 && again.progress.running === 3, {
      what: "both to have taken it up",
    });
    stage.marks.open();
    expect(await attached).toEqual(["a", "b", "c"]);
    expect(await again).toEqual(["a", "b", "c"]);
    expect(stage.marks.lines).toEqual(["a", "b", "c"]);
    expect(warningsOf(stage)).toEqual([]);
  });
});

describe("a forged job", () => {
  test("does not run, does not come back and settles nothing; the item whose place it took gets its result", async () => {
    const stage = new SignedStage();
    const { forger, marks } = stage;
    const pool = stage.signedPool();
    const forged = (value: string): string => JSON.stringify([[marks.log, value]]);
    const changes: Record<string, (data: Record<string, unknown>) => object> = {
      args: (data) => ({ ...data, args: forged("forged-args") }),
      unsigned: ({ sig: _, ...data }) => ({ ...data, args: forged("forged-unsigned") }),
      expiry: (data) => ({ ...data, expiresAt: Date.now() + 1e12 }),
      kept: (data) => ({ ...data, kept: [[0, { s: "ok", value: '"forged-kept"' }]] }),
      version: (data) => ({ ...data, v: 99 }),
      shape: () => ({ nothing: true }),
    };
    const names = Object.keys(changes);
    const result = pool.starmap(
      "note",
      names.map((name) => [marks.log, `real-${name}`] as const),
    );
    for (const [at, name] of names.entries()) {
      const change = changes[name];
      if (change !== undefined) await forger.rewrite(`${result.id}-${at}`, change);
    }
    // A job of another function: BullMQ's own fields are signed too.
    const named = pool.starmap("note", [[marks.log, "real-name"]]);
    await forger.job(`${named.id}-0`);
    await redis().admin.hset(stage.keys.job(`${named.id}-0`), "name", "environment");
    // Jobs that nobody asked for, one of which would stay when it is done.
    const data = { v: 1, map: result.id, at: 100, n: 1, args: forged("forged-new") };
    await forger.enqueue("note", data, `${result.id}-100`, { removeOnComplete: false });
    await forger.enqueue("note", { ...data, map: "nobody" }, "nobody-100");
    await stage.signedMachine();

    expect(await result).toEqual(names.map((name) => `real-${name}`));
    expect(await named).toEqual(["real-name"]);
    await forger.gone(`${result.id}-100`);
    await forger.gone("nobody-100");
    expect(marks.lines.sort()).toEqual([...names, "name"].map((name) => `real-${name}`).sort());
    expect(stage.refused.length).toBeGreaterThanOrEqual(names.length);
    expect(warningsOf(stage)).toEqual([]);
  });

  test("that was signed once, and has expired, does not run again", async () => {
    const stage = new SignedStage();
    const { forger, marks } = stage;
    const pool = stage.signedPool({ signatureTtlMs: 1_000 });
    const result = pool.starmap("note", [[marks.log, "late"]]);
    const { data = "" } = await forger.job(`${result.id}-0`);
    const { expiresAt } = JSON.parse(data) as { expiresAt: number };
    await until(() => Date.now() > expiresAt, { what: "the signature's end" });
    await stage.signedMachine();
    // Its producer lives: it is signed and sent again.
    expect(await result).toEqual(["late"]);
    await until(() => stage.refused.length > 0, { what: "the refusal" });
    expect(stage.refused).toEqual(["its signature has expired"]);
    await until(() => Date.now() > expiresAt + 1_000, { what: "the second signature's end" });
    // Nobody lives who wants it.
    await forger.enqueue("note", JSON.parse(data), `${result.id}-0`);
    await forger.gone(`${result.id}-0`);
    expect(marks.lines).toEqual(["late"]);
  });
});

test("forged outcomes are ignored, and the items get their real ones", async () => {
  const stage = new SignedStage();
  const { forger, marks } = stage;
  await stage.signedMachine({ processes: 2, concurrency: 4 });
  const pool = stage.signedPool();
  const result = pool.starmap(
    "noteAtGate",
    Array.from({ length: 7 }, (_, at) => [marks.log, marks.gate, `real-${at}`] as const),
  );
  const { id: map } = result;
  // What Redis has seen of other items, and of an earlier map of this id.
  const signer = resolveSigningKeys(KEY)?.signer(stage.keys);
  if (signer === undefined) throw new Error("no key");
  const args = JSON.stringify([[marks.log, marks.gate, "real-4"]]);
  const content = contentOf("noteAtGate", { map, at: 4, n: 1, args });
  const texts = [
    '=["forged"]',
    '!{"s":"ok","value":"1"}',
    '![{"s":"failed","failure":{"code":"CORRUPT_JOB","reason":"x"},"by":{}}]',
    `#${"A".repeat(86)}=["forged"]`,
    sealOutcome(signer, { map, at: 5 }, content, '=["of another item"]'),
    sealOutcome(signer, { map, at: 5 }, content, '=["of another call"]'),
    "#",
  ];
  const isNoted = () => texts.every((_, at) => marks.lines.includes(`real-${at}`));
  await until(isNoted, { what: "the tasks to run" });
  for (const [at, text] of texts.entries()) await forger.publish(result.id, at, text);
  await redis().admin.xadd(stage.keys.out(result.id), "*", "p", "0", "v", '"forged"');
  marks.open();
  expect(await result).toEqual(texts.map((_, at) => `real-${at}`));
  expect(warningsOf(stage)).toHaveLength(1);
});

test("forged control messages, shared values and advertisements are not believed", async () => {
  const stage = new SignedStage();
  const { marks, keys } = stage;
  const { admin } = redis();
  const machine = await stage.signedMachine({ concurrency: 2 });
  const pool = stage.signedPool();
  const running = pool.starmap("noteAtGate", [[marks.log, marks.gate, "runs"]]);
  await marks.started(1);
  await admin.publish(keys.control, JSON.stringify({ t: "cancel", map: running.id }));
  await until(
    () => stage.log.of("control message refused: it is not signed, or its signature has expired")[0],
    {
      what: "the message to be refused",
    },
  );
  const table = await pool.share([1, 2]);
  await admin.set(keys.share(table.id), "[1,2,3,4,5]");
  expect(await rejection(pool.apply("sizeOf", [table, 0]))).toMatchObject({ code: "SHARED_VALUE_GONE" });
  // A machine that is said to know a task which none has: its jobs would be handed on for ever.
  const [advertised = "{}"] = await admin.hvals(keys.workerInfo);
  const fake = { ...(JSON.parse(advertised) as object), id: "fake", tasks: { nowhere: { arity: 0 } } };
  await admin.hset(keys.workerInfo, "fake", JSON.stringify(fake));
  await admin.zadd(keys.workers, Date.now() + 1e9, "fake");
  const untyped = pool as unknown as Pool<Record<string, (x: number) => number>>;
  expect(await rejection(untyped.map("nowhere", [1]))).toMatchObject({ code: "TASK_NOT_REGISTERED" });
  expect((await pool.stats()).machines).toBe(1);
  expect(machine.pids).toHaveLength(1);
  marks.open();
  expect(await running).toEqual(["runs"]);
});

test("a durable map's number of items can't be made up", async () => {
  const stage = new SignedStage();
  const { marks, keys } = stage;
  await stage.signedMachine();
  const items = ["a", "b"].map((value) => [marks.log, marks.gate, value] as const);
  const first = stage.signedPool().starmap("noteAtGate", items, { mapId: "m" });
  await marks.started(1);
  const attached = stage.signedPool().attach("m");
  await until(() => attached.progress.total, { what: "the total" });
  await redis().admin.xadd(keys.out("m"), "*", "total", "1");
  await redis().admin.xadd(keys.out("m"), "*", "total", "1", "sig", "A".repeat(43));
  await redis().admin.hset(keys.meta("m"), "total", "1");
  expect(await rejection(stage.signedPool().attach("m"))).toMatchObject({ code: "SIGNING_KEY" });
  marks.open();
  expect(await attached).toEqual(["a", "b"]);
  expect(await first).toEqual(["a", "b"]);
});

describe("without the same key on both sides", () => {
  test.for<[string, string | undefined, string | undefined, RegExp]>([
    ["only the producer has one", KEY, undefined, /have no `signingKey`, and this pool has one/],
    ["only the workers have one", undefined, KEY, /take signed jobs only, and this pool has no/],
    ["they differ", KEY, OLD_KEY, /do not take the `signingKey` of this pool/],
  ])("%s: calls end in an error that says so", async ([, ours, theirs, message]) => {
    const stage = new SignedStage();
    const pool = stage.pool<Tasks>({ signingKey: ours });
    // Before there is a worker, and after.
    const early = pool.starmap("note", [[stage.marks.log, "early"]]);
    await stage.signedMachine({ signingKey: theirs });
    const errors = await Promise.all(
      [early, pool.apply("note", [stage.marks.log, "x"]), pool.ready()].map(rejection),
    );
    for (const error of errors) {
      expect(error).toMatchObject({ code: "SIGNING_KEY", name: "SigningKeyError" });
      expect(String(error)).toMatch(message);
      expect(String(error)).not.toMatch(/this fleet/);
    }
    expect(stage.marks.lines).toEqual([]);
  });

  test("a map that was under way when all machines came back without the key ends", async () => {
    const stage = new SignedStage();
    const machine = await stage.signedMachine();
    const pool = stage.signedPool();
    const { marks } = stage;
    const result = pool.starmap("noteAtGate", [[marks.log, marks.gate, "x"]]);
    await marks.started(1);
    machine.kill();
    await machine.closed;
    await stage.signedMachine({ signingKey: undefined });
    expect(await rejection(result)).toMatchObject({ code: "SIGNING_KEY" });
    expect(marks.lines).toEqual(["x"]);
  });

  test("a map of a signing producer is not taken up without the key, nor the other way round", async () => {
    const stage = new SignedStage();
    stage
      .signedPool()
      .starmap("note", [[stage.marks.log, "a"]], { mapId: "signed" })
      .catch(() => {});
    stage
      .pool<Tasks>()
      .starmap("note", [[stage.marks.log, "b"]], { mapId: "unsigned" })
      .catch(() => {});
    const total = (map: string) => async () => await redis().admin.hget(stage.keys.meta(map), "total");
    await until(total("signed"), { what: "the first map" });
    await until(total("unsigned"), { what: "the second map" });
    expect(await rejection(stage.pool().attach("signed"))).toMatchObject({ code: "SIGNING_KEY" });
    expect(await rejection(stage.signedPool().attach("unsigned"))).toMatchObject({ code: "SIGNING_KEY" });
  });

  test("keys are changed without a stop: the first signs, all are accepted", async () => {
    const stage = new SignedStage();
    await stage.signedMachine({ signingKey: [OLD_KEY, KEY] });
    for (const signingKey of [OLD_KEY, [OLD_KEY, KEY], [KEY, OLD_KEY]]) {
      const pool = stage.signedPool({ signingKey });
      expect(await pool.apply("note", [stage.marks.log, "x"])).toBe("x");
    }
    expect(stage.refused).toEqual([]);
  });
});

describe("the command", () => {
  const noted = async (program: ReturnType<typeof startWorker>, at: { url: string; queue: string }) => {
    await program.line(/worker machine ready/);
    const { Pool: AnyPool } = await import("@poolmq/producer");
    const pool = new AnyPool<Tasks>({ connection: at.url, queue: at.queue, signingKey: KEY });
    onTestFinished(() => pool.terminate());
    return await pool.apply("environment", []);
  };

  test("reads the key from a file or the environment; neither its arguments nor its tasks show it", async () => {
    const file = join(temporaryFolder(), "key");
    writeFileSync(file, `${KEY}\n`);
    for (const [args, env] of [
      [["--signing-key-file", file], {}],
      [[], { POOLMQ_SIGNING_KEY: KEY }],
      [[], { POOLMQ_SIGNING_KEY_FILE: file }],
    ] as const) {
      const at = { url: redis().url, queue: new Stage(redis()).queue };
      const program = startWorker(MODULE.pathname, at, [...args, "--log-level", "trace"], env);
      expect(JSON.stringify(await noted(program, at))).not.toContain(KEY);
      expect(JSON.stringify(recordsOf(program))).not.toContain(KEY);
    }
  });

  test.for<[string, readonly string[], Record<string, string>, RegExp]>([
    ["a file that is not there", ["--signing-key-file", "/nowhere"], {}, /got \/nowhere \(ENOENT\)/],
    ["a key that is too short", [], { POOLMQ_SIGNING_KEY: "hunter2" }, /got one of 7 bytes/],
    ["giving it to tasks", ["--env", "POOLMQ_SIGNING_KEY"], { POOLMQ_SIGNING_KEY: KEY }, /key of their own/],
  ])("refuses %s", async ([, args, env, message]) => {
    const { code, output } = await runPoolmq(["worker", MODULE.pathname, ...args], env);
    expect(code).toBe(2);
    expect(output).toMatch(message);
    expect(output).not.toMatch(/hunter2|this fleet/);
  });
});
