/** See README.md beside this file for when to change the golden files. */

import { WIRE_VERSION } from "@poolmq/shared/internal";
import { GatherScripts, queueKeys } from "@poolmq/shared/redis";
import type { Outcome } from "@poolmq/shared/redis";
import { QueueWatcher } from "@poolmq/worker/internal";
import { expect, test } from "vitest";

import * as contractTasks from "../fixtures/contract-tasks.ts";
import { expectGolden, masked, opened } from "../support/golden.ts";
import { outcomesIn } from "../support/outcomes-in.ts";
import { Program } from "../support/processes.ts";
import { redisForFile } from "../support/redis-server.ts";
import { Marks, rejection, Stage } from "../support/stage.ts";
import { until } from "../support/until.ts";
import { waitingJobs } from "../support/waiting-jobs.ts";

const redis = redisForFile();

const MODULE = new URL("../fixtures/contract-tasks.ts", import.meta.url);

/** The fields of a stream's entry, in their order. */
function openedEntry(fields: readonly string[]): [string, unknown][] {
  return fields.flatMap((name, at): [string, unknown][] => {
    if (at % 2 === 1) return [];
    const value = fields[at + 1] ?? "";
    if (name === "o") return [[name, opened(value)]];
    // The machine's id is masked by the caller.
    const ran = value.replace(/^[\d.]+(?: (\S+) \d+)?/gm, (_, by?: string) =>
      by === undefined ? "<ms>" : `<ms> ${by} <pid>`,
    );
    return [[name, name === "ran" ? ran : value]];
  });
}

test("job", async () => {
  const stage = new Stage(redis());
  const result = stage.pool().starmap(
    "add",
    [
      [1, 2],
      [3, 4],
      [5, 6],
    ],
    { chunksize: 2 },
  );
  const key = stage.keys.job(`${result.id}-2`);
  await until(async () => (await redis().admin.exists(key)) === 1, { what: "the jobs to be in Redis" });
  const jobs = await Promise.all(
    [0, 2].map((at) => redis().admin.hgetall(stage.keys.job(`${result.id}-${at}`))),
  );
  const shown = jobs.map(({ name, data, opts }) => ({
    name,
    data: JSON.parse(data ?? "") as object,
    opts: JSON.parse(opts ?? "") as object,
  }));
  await expectGolden("job", { WIRE_VERSION, jobs: shown }, [[result.id, "<map>"]]);
});

test("job of a version of the code", async () => {
  const stage = new Stage(redis());
  const { id } = stage.pool().apply("add", [1, 2], { codeVersion: "v1.2.3" });
  const key = stage.keys.job(`${id}-0`);
  const data = await until(() => redis().admin.hget(key, "data"), { what: "the job to be in Redis" });
  const machine = await stage.machine({ codeVersion: "v1.2.3", module: MODULE });
  const told = JSON.parse((await redis().admin.hget(stage.keys.workerInfo, machine.id)) ?? "") as {
    readonly codeVersion?: string;
  };
  const shown = { job: JSON.parse(data) as object, advertisement: { codeVersion: told.codeVersion } };
  await expectGolden("code-version", shown, [[id, "<map>"]]);
});

/** Bytes in V8's format: how many, and the first of them. */
function begin(bytes: Buffer | undefined): unknown {
  return { length: bytes?.length, begin: bytes?.subarray(0, 24).toString("hex") };
}

test("job and outcome with bytes", async () => {
  const stage = new Stage(redis());
  const result = stage.pool().map("echo", [Buffer.alloc(20_000, 1), 2, undefined, Buffer.alloc(20_001, 3)], {
    chunksize: 4,
    mapId: "m",
  });
  await until(() => redis().admin.hget(stage.keys.meta("m"), "total"), { what: "the end of its input" });
  const { data = "" } = await redis().admin.hgetall(stage.keys.job("m-0"));
  const stored = await redis().admin.hgetallBuffer(stage.keys.in("m"));
  const out = stage.keys.out("m");
  const blocking = redis().admin.duplicate();
  // Before the producer has read it, and removes it.
  const reading = blocking.xreadBuffer("BLOCK", 10_000, "STREAMS", out, "$") as Promise<
    [key: Buffer, entries: [id: Buffer, fields: Buffer[]][]][] | null
  >;
  await stage.machine({ module: MODULE });
  const [, fields = []] = (await reading)?.[0]?.[1][0] ?? [];
  await result;
  blocking.disconnect();
  await expectGolden("bytes", {
    job: JSON.parse(data) as object,
    in: Object.entries(stored).map(([field, bytes]) => [field, begin(bytes)]),
    outcome: fields.flatMap((name, at) => {
      if (at % 2 === 1) return [];
      if (String(name) === "ran") return [["ran", "<ran>"]];
      return [[String(name), String(name) === "b" ? begin(fields[at + 1]) : String(fields[at + 1])]];
    }),
  });
});

test("job whose results are folded, and its outcomes", async () => {
  const stage = new Stage(redis());
  const pool = stage.pool<typeof contractTasks>({ tasks: contractTasks });
  // This can't be added to anything: the results before it are folded nevertheless.
  const odd = { valueOf: 1, toString: 1 } as unknown as number;
  const tuples: [number, number][] = [
    [1, 2],
    [3, 4],
    [5, 6],
  ];
  const sums = [tuples, [...tuples, [odd, 2], [7, 8], [9, 10]] as [number, number][]].map((of) =>
    pool.starmapReduce("add", of, "add", { chunksize: 6 }),
  );
  const ids = sums.map(({ id }) => id);
  const jobs = await until(
    async () => {
      const read = await Promise.all(ids.map((id) => redis().admin.hget(stage.keys.job(`${id}-0`), "data")));
      return read.every((data) => data !== null) ? read : undefined;
    },
    { what: "the jobs to be in Redis" },
  );
  const readers = ids.map(() => redis().admin.duplicate());
  // Before the producer has read them, and removes them.
  const reading = readers.map((reader, at) =>
    reader.xread("BLOCK", 10_000, "STREAMS", stage.keys.out(ids[at] ?? ""), "0"),
  );
  const failed = rejection(sums[1] ?? Promise.resolve());
  const machine = await stage.machine({ module: MODULE });
  const streams = await Promise.all(reading);
  expect(await sums[0]).toBe(21);
  expect(await failed).toMatchObject({ name: "TypeError", remote: { index: 3 } });
  const shown = streams.map((read, at) => {
    const [, fields = []] = read?.[0]?.[1][0] ?? [];
    return { job: JSON.parse(jobs[at] ?? "") as object, outcome: openedEntry(fields) };
  });
  for (const reader of readers) reader.disconnect();
  await expectGolden("fold", shown, [...ids.map((id) => [id, "<map>"] as const), [machine.id, "<worker>"]]);
});

test("outcome", async () => {
  const stage = new Stage(redis());
  // A producer that is gone before the workers start: nobody takes the outcomes out of the streams.
  await using producer = Program.source(`
    import { Pool } from "@poolmq/producer";
    const pool = new Pool({ connection: ${JSON.stringify(redis().url)}, queue: ${JSON.stringify(stage.queue)} });
    const maps = [
      pool.map("echo", [1, undefined]),
      pool.map("echo", [undefined, 1, new Date(0)], { chunksize: 3, mapId: "durable" }),
      pool.starmap("fail", [[], []], { chunksize: 2 }),
      pool.map("throwNull", [1]),
      pool.map("exit", [7]),
      pool.map("nope", [1]),
      pool.map("echo", [1, 2]),
    ];
    console.log("ids", maps.map(({ id }) => id).join(" "));
  `);
  const [, line = ""] = await producer.line(/ids (.*)/);
  const ids = line.split(" ");
  await until(async () => (await waitingJobs(redis().admin, stage.keys)) === 9, {
    what: "the jobs to be in Redis",
  });
  await until(() => redis().admin.hget(stage.keys.meta("durable"), "total"), {
    what: "the end of the input",
  });
  producer.kill();
  await producer.exited;
  const strange = ids.at(-1) ?? "";
  await redis().admin.hset(stage.keys.job(`${strange}-0`), "data", "not JSON");
  await redis().admin.hset(
    stage.keys.job(`${strange}-1`),
    "data",
    JSON.stringify({ v: 99, map: strange, at: 1, n: 1, args: "[[2]]" }),
  );

  const machine = await stage.machine({ module: MODULE, workerLossAttempts: 1 });
  const counts = [2, 2, 1, 1, 1, 1, 2];
  const streams = await until(
    async () => {
      const read = await Promise.all(ids.map((id) => redis().admin.xrange(stage.keys.out(id), "-", "+")));
      const parts = read.map(outcomesIn);
      return parts.every(({ length }, index) => length === counts[index]) ? parts : undefined;
    },
    { what: "all outcomes" },
  );
  const names = [
    "results",
    "results apart, and the total of a durable map",
    "errors in a chunk",
    "thrown null",
    "a lost worker",
    "not registered",
    "not readable",
  ];
  // Those that a machine publishes together share an entry.
  const scripts = new GatherScripts(redis().admin, stage.keys);
  await scripts.open("m", 60_000);
  const outcome = (at: number): Outcome => ({ at, ms: 1.5, text: `=[${at}]`, by: `${machine.id} 17` });
  await scripts.publish("m", [outcome(0), outcome(1)], 60_000);
  const shared = await redis().admin.xrange(stage.keys.out("m"), "-", "+");
  const together = shared.map(([, fields]) => openedEntry(fields));
  const shown = names.map((name, index) => [
    name,
    // Which of two chunks was first is not part of the contract, so they are sorted.
    streams[index]?.map(openedEntry).sort(),
  ]);
  await expectGolden("outcome", { WIRE_VERSION, outcomes: Object.fromEntries(shown), together }, [
    [machine.id, "<worker>"],
  ]);
});

test("advertisement", async () => {
  const stage = new Stage(redis());
  const machine = await stage.machine({ concurrency: 3, module: MODULE });
  const info = await redis().admin.hgetall(stage.keys.workerInfo);
  expect(Object.keys(info)).toEqual([machine.id]);
  expect(await redis().admin.zrange(stage.keys.workers, "0", "-1")).toEqual([machine.id]);
  const advertisement = JSON.parse(info[machine.id] ?? "") as Record<string, unknown>;
  await expectGolden("advertisement", {
    ...advertisement,
    id: "<worker>",
    host: typeof advertisement["host"],
    pid: typeof advertisement["pid"],
    version: typeof advertisement["version"],
    node: typeof advertisement["node"],
  });
});

test("what a machine tells watchers", async () => {
  const stage = new Stage(redis());
  const marks = new Marks();
  const machine = await stage.machine({ module: MODULE });
  const pool = stage.pool();
  await pool.apply("echo", [1]);
  const result = pool.map("gated", [{ log: marks.log, gate: marks.gate }]);
  await marks.started(1);
  await new QueueWatcher(redis().admin, stage).readOnce();
  const details = await redis().admin.hgetall(stage.keys.workerDetail);
  const shown = JSON.parse(details[machine.id] ?? "", (key, value: unknown) =>
    /^(pid|rss|map|.*Ms)$/.test(key) ? `<${typeof value}>` : value,
  ) as object;
  await expectGolden("worker-detail", shown);
  marks.open();
  await result;
});

test("what a producer tells of its maps", async () => {
  const stage = new Stage(redis());
  const marks = new Marks();
  await stage.machine({ module: MODULE, processes: 2 });
  const pool = stage.pool();
  const gated = pool.map("gated", [{ log: marks.log, gate: marks.gate }], { mapId: "durable" });
  const endless = pool.imap("fail", forEver());
  const told = async (mapId: string, state: string): Promise<object> => {
    const info = await until(
      async () => {
        const text = await redis().admin.hget(stage.keys.mapInfo, mapId);
        return text?.includes(`"state":"${state}"`) === true ? text : undefined;
      },
      { what: `${mapId} to be told of as ${state}` },
    );
    const [, at, report] = /^(\d+) (.*)$/s.exec(info) ?? [];
    expect(Math.abs(Number(at) - Date.now())).toBeLessThan(60_000);
    return JSON.parse(report ?? "", (key, value: unknown) => {
      if (/^(host|pid|ageMs|timesMs|maxMs|quietMs|perS|done|failed|running|errors|errorsLastMs)$/.test(key))
        return `<${typeof value}>`;
      // The first report does not have it yet.
      if (key === "startedAtMs") return undefined;
      return key === "runTimes" ? "<counts>" : value;
    }) as object;
  };
  const running = await told("durable", "running");
  expect(await rejection(endless.next())).toMatchObject({ message: "no" });
  const groups = await until(
    async () => {
      const found = await redis().admin.hgetall(stage.keys.errors(endless.id));
      return found["0"] === undefined ? undefined : found;
    },
    { what: "the errors to be told of" },
  );
  const shownGroups = Object.entries(groups).map(([number, group]) => [
    number,
    JSON.parse(group, (key, value: unknown) =>
      key === "stack" ? "<stack>" : key === "indices" ? "<indices>" : value,
    ) as object,
  ]);
  endless.cancel("enough");
  const cancelled = await told(endless.id, "cancelled");
  marks.open();
  await gated;
  const ended = await told("durable", "done");
  const errors = Object.fromEntries(shownGroups) as object;
  await expectGolden("map-report", { running, cancelled, ended, errors });
});

function* forEver(): Generator<number> {
  for (let x = 0; ; x++) yield x;
}

test("control message", async () => {
  const stage = new Stage(redis());
  const subscriber = redis().admin.duplicate();
  const { promise, resolve } = Promise.withResolvers<string>();
  subscriber.on("message", (_channel, text: string) => resolve(text));
  await subscriber.subscribe(stage.keys.control);
  const pool = stage.pool();
  const result = pool.map("increment", [1]);
  await until(async () => (await redis().admin.llen(stage.keys.job("wait"))) === 1, { what: "the job" });
  await pool.terminate();
  await rejection(result);
  const cancel = await promise;
  const next = new Promise<string>((heard) => {
    subscriber.on("message", (_channel, text: string) => heard(text));
  });
  const sharing = stage.pool();
  const { id } = await sharing.share([1]);
  await sharing.terminate();
  const unshare = await next;
  const last = new Promise<string>((heard) => {
    subscriber.on("message", (_channel, text: string) => heard(text));
  });
  await new QueueWatcher(redis().admin, stage).read();
  const messages = [cancel, unshare, await last].map((text) => JSON.parse(text) as { readonly t: string });
  await expectGolden("control", Object.fromEntries(messages.map((message) => [message.t, message])), [
    [result.id, "<map>"],
    [id, "<share>"],
  ]);
  subscriber.disconnect();
});

test("backup job, and what tells that it is not needed any more", async () => {
  const stage = new Stage(redis());
  const subscriber = redis().admin.duplicate();
  const { promise: told, resolve } = Promise.withResolvers<string>();
  subscriber.on("message", (_channel, text: string) => resolve(text));
  await subscriber.subscribe(stage.keys.control);
  // One process that takes one item at a time: the backup waits behind the first run.
  await stage.machine({ concurrency: 1 });
  const [held, free] = [new Marks(), new Marks()];
  free.open();
  const items = [free, free, held].map(({ log, gate }) => ({ log, gate }));
  const map = stage.pool().map("gated", items, { speculate: { minMs: 50 } });
  const key = stage.keys.job(`${map.id}-2-b`);
  const job = await until(
    async () => {
      const { name, data, opts } = await redis().admin.hgetall(key);
      return name === undefined ? undefined : { name, data: read(data), opts: read(opts) };
    },
    { what: "the backup to be in Redis" },
  );
  held.open();
  await map;
  await expectGolden("backup", { job, settled: read(await told) }, [
    [map.id, "<map>"],
    [held.log, "<log>"],
    [held.gate, "<gate>"],
  ]);
  subscriber.disconnect();
});

test("what asks for items that have not begun, and what says which a job keeps", async () => {
  const stage = new Stage(redis());
  const subscriber = redis().admin.duplicate();
  const { promise: asked, resolve } = Promise.withResolvers<string>();
  subscriber.on("message", (_channel, text: string) => resolve(text));
  await subscriber.subscribe(stage.keys.control);
  await stage.machine({ processes: 2 });
  const marks = new Marks();
  const items = Array.from({ length: 3 }, () => ({ log: marks.log, gate: marks.gate }));
  const map = stage.pool().map("gated", items, { chunksize: 3 });
  const entry = await until(
    async () => (await redis().admin.xrange(stage.keys.out(map.id), "-", "+"))[0]?.[1],
    { what: "the entry of the job that was cut" },
  );
  marks.open();
  await map;
  await expectGolden("cut", { asked: read(await asked), entry }, [[map.id, "<map>"]]);
  subscriber.disconnect();
});

function read(json: string | undefined): object {
  return JSON.parse(json ?? "") as object;
}

test("keys", async () => {
  const stage = new Stage(redis());
  const marks = new Marks();
  await stage.machine({ module: MODULE });
  // It is handed the first map, whose stream is made with its first outcome.
  await until(async () => (await redis().admin.exists(stage.keys.idle)) === 1, {
    what: "the machine to wait",
  });
  const pool = stage.pool();
  const results: ReturnType<typeof pool.map>[] = [pool.map("gated", [{ log: marks.log, gate: marks.gate }])];
  await marks.started(1);
  // A second map, whose key wakes the producer's reader; and a third, which waits for its turns.
  for (const item of [1, 2]) {
    results.push(pool.map("echo", [item]));
    await until(async () => (await waitingJobs(redis().admin, stage.keys)) === item, { what: "the job" });
  }
  const wake = await until(async () => (await redis().admin.keys(stage.keys.wake("*")))[0], {
    what: "the key that wakes the producer",
  });
  const masks = [
    [wake, stage.keys.wake("<producer>")],
    [stage.queue, "<queue>"],
    ...results.map(({ id }, index) => [id, `<map ${index}>`] as const),
  ] as const;
  // Two of BullMQ's own keys come and go.
  const keys = (await redis().admin.keys(stage.keys.pattern)).filter(
    (key) => !/:(marker|stalled-check)$/.test(key),
  );
  const inUse = await Promise.all(
    keys.map(async (key) => `${masked(key, masks)} ${await redis().admin.type(key)}`),
  );
  const {
    job,
    done,
    donePage,
    out,
    in: bytes,
    meta,
    args,
    errors,
    failed,
    share,
    wake: wakeKey,
    stack,
    stage: stageOfMap,
    limit,
    limitHeld,
    limitWaiting,
    ...fixed
  } = queueKeys("<queue>");
  await expectGolden("keys", {
    named: {
      job: job("<job>"),
      done: done("<map>"),
      donePage: donePage("<map>", 1),
      out: out("<map>"),
      in: bytes("<map>"),
      meta: meta("<map>"),
      args: args("<map>"),
      errors: errors("<map>"),
      failed: failed("<map>"),
      share: share("<share>"),
      wake: wakeKey("<producer>"),
      stack: stack("<question>"),
      stage: stageOfMap("<map>"),
      limit: limit("<key>"),
      limitHeld: limitHeld("<key>"),
      limitWaiting: limitWaiting("<key>"),
      ...fixed,
    },
    inUse: inUse.sort(),
  });
  marks.open();
  await Promise.all(results);
});
