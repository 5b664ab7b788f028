import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";

import { Queue } from "bullmq";
import { describe, expect, onTestFinished, test } from "vitest";

import { Program, type ProgramOptions } from "../../support/processes.ts";
import { freePort, redisForFile, RedisServer } from "../../support/redis-server.ts";
import { Marks, rejection, Stage } from "../../support/stage.ts";
import { until, within } from "../../support/until.ts";
import { waitingJobs } from "../../support/waiting-jobs.ts";
import { Watched } from "../../support/watched.ts";
import { startPoolmq } from "../../support/worker-program.ts";

const redis = redisForFile();
const CLI = new URL("../../../packages/worker/src/cli.ts", import.meta.url);

function scaleSignal(args: readonly string[], env: ProgramOptions["env"] = {}): Program {
  const program = Program.file(CLI, { args: ["scale-signal", ...args], env });
  onTestFinished(() => program[Symbol.asyncDispose]());
  return program;
}

async function output(args: readonly string[], env: ProgramOptions["env"] = {}) {
  const program = scaleSignal(args, env);
  const { code } = await within(20_000, "the command's end", program.exited);
  return { code, output: program.output };
}

/** A machine of two children that run one gated item each, while three more wait. */
async function busyFleet(): Promise<{ readonly stage: Stage; readonly finish: () => Promise<void> }> {
  const stage = new Stage(redis());
  const marks = new Marks();
  await stage.machine({ processes: 2 });
  const call = { log: marks.log, gate: marks.gate };
  const pool = stage.pool();
  await pool.ready(2);
  const map = pool.map("gated", [call, call, call, call, call]);
  await marks.started(2);
  const finish = async (): Promise<void> => {
    marks.open();
    await map;
  };
  return { stage, finish };
}

test("a paused queue and the jobs of a dead producer are no backlog", async () => {
  const stage = new Watched(redis());
  await using producer = Program.source(`
    import { Pool } from "@poolmq/producer";
    const pool = new Pool({ connection: ${JSON.stringify(redis().url)}, queue: ${JSON.stringify(stage.queue)} });
    const map = pool.map("step", Array.from({ length: 50 }, () => ({ does: "end", x: 1, gate: "" })));
    console.log("id", map.id);
  `);
  const [, id = ""] = await producer.line(/id (\S+)/);
  await stage.map(id, ({ running }) => running === 50);
  const args = ["--queue", stage.queue, "--redis", redis().url, "--json"];
  const read = async () => JSON.parse((await output(args)).output) as object;
  expect(await read()).toMatchObject({ waiting: 50, backlog: 50 });
  producer.kill("SIGKILL");
  await producer.exited;
  await stage.age(id, 11_000);
  expect(await read()).toMatchObject({ waiting: 50, orphaned: 50, backlog: 0 });
  // Somebody waits for these.
  const map = stage.client().map("step", stage.steps("end", "end", "end"));
  await stage.map(map.id);
  expect(await read()).toMatchObject({ waiting: 53, orphaned: 50, backlog: 3 });
  const queue = new Queue(stage.keys.bullName, { connection: redis().admin, prefix: stage.keys.bullPrefix });
  onTestFinished(() => queue.close());
  await queue.pause();
  expect(await read()).toMatchObject({ waiting: 53, paused: true, backlog: 0 });
  map.cancel();
  await rejection(map);
});

test("jobs that wait for a permit are no backlog: more workers would not run them sooner", async () => {
  const stage = new Watched(redis());
  await stage.workers(2);
  const args = ["--queue", stage.queue, "--redis", redis().url, "--json"];
  const read = async () => JSON.parse((await output(args)).output) as object;
  const limited = async (count: number): Promise<void> => {
    const { admin } = redis();
    await until(async () => (await admin.zcard(stage.keys.limited)) === count, { what: "jobs in line" });
  };
  // Eight are sent, before anything is known of it; the others wait at the producer.
  const steps = stage.steps(...Array.from({ length: 60 }, () => "wait" as const));
  const map = stage.client().map("step", steps, { limit: { key: "service", concurrency: 1 } });
  await stage.map(map.id);
  await limited(7);
  const counted = { waiting: 0, limited: 7, active: 1, backlog: 1 };
  // The first in line asks for the permit anew each second, and is active meanwhile.
  await expect.poll(read, { timeout: 10_000 }).toMatchObject(counted);
  expect(await read()).not.toHaveProperty("held");
  map.cancel();
  await rejection(map);
  await limited(0);
  // Somebody has to call them when they may start.
  const rare = stage.client().map("step", stage.steps("end", "end", "end"), {
    limit: { key: "rare", ratePerSecond: 0.001 },
  });
  await limited(2);
  await until(() => rare.progress.done === 1, { what: "the first to end" });
  // Its outcome comes before its acknowledgement.
  await until(async () => ((await read()) as { readonly active: number }).active === 0, {
    what: "no job to be held",
  });
  expect(await read()).toMatchObject({ waiting: 0, limited: 2, active: 0, backlog: 1 });
  rare.cancel();
  await rejection(rare);
  await limited(0);
  expect(await redis().admin.zcard(stage.keys.limitWaiting("rare"))).toBe(0);
});

test("the jobs of a producer that died before it told of its map are no backlog, and nobody runs them", async () => {
  const stage = new Stage(redis());
  const { admin } = redis();
  await using producer = Program.source(`
    import { Pool } from "@poolmq/producer";
    const pool = new Pool({ connection: ${JSON.stringify(redis().url)}, queue: ${JSON.stringify(stage.queue)} });
    const map = pool.map("increment", Array.from({ length: 5 }, (_, i) => i));
    console.log("id", map.id);
  `);
  const [, id = ""] = await producer.line(/id (\S+)/);
  await until(async () => (await waitingJobs(admin, stage.keys)) === 5, { what: "the jobs" });
  producer.kill("SIGKILL");
  await producer.exited;
  // As if it had died at once, and more than a minute ago.
  await admin.hdel(stage.keys.mapInfo, id);
  await admin.zrem(stage.keys.maps, id);
  const args = ["--queue", stage.queue, "--redis", redis().url, "--json"];
  const read = async () => JSON.parse((await output(args)).output) as object;
  expect(await read()).toMatchObject({ waiting: 5, backlog: 5 });
  await admin.pexpire(stage.keys.done(id), 8 * 60_000);
  expect(await read()).toMatchObject({ waiting: 5, orphaned: 5, backlog: 0 });
  await stage.machine();
  await until(async () => (await admin.keys(stage.keys.job(`${id}-*`))).length === 0, { what: "no job" });
  expect(await admin.bitcount(stage.keys.done(id))).toBe(0);
});

const IDLE = { waiting: 0, active: 0, backlog: 0, machines: 0, workers: 0, slots: 0 };

test("prints the backlog of a busy fleet, in plain lines and in JSON", async () => {
  const { stage, finish } = await busyFleet();
  const args = ["--queue", stage.queue, "--redis", redis().url];
  expect(await output(args)).toEqual({
    code: 0,
    output: "waiting 3\nactive 2\nbacklog 5\nmachines 1\nworkers 2\nslots 2\n",
  });
  const { output: json } = await output([...args, "--json"]);
  expect(JSON.parse(json)).toEqual({
    queue: stage.queue,
    waiting: 3,
    active: 2,
    backlog: 5,
    machines: 1,
    workers: 2,
    slots: 2,
  });
  await finish();
});

test("a queue that nobody has used is idle, and stays unused", async () => {
  const stage = new Stage(redis());
  const env = { POOLMQ_REDIS_URL: redis().url, POOLMQ_QUEUE: stage.queue };
  const { output: json } = await output(["--json"], env);
  expect(JSON.parse(json)).toEqual({ queue: stage.queue, ...IDLE });
  expect(await redis().admin.keys(stage.keys.pattern)).toEqual([]);
});

test.each([
  [["--redis", "http://example.com"], /redis:\/\//],
  [["--queue", "a:b"], /queue/],
])("says why it can't tell: %s", async (args, reason) => {
  const { code, output: text } = await output(args, { POOLMQ_REDIS_URL: redis().url });
  expect(code).toBe(2);
  expect(text).toMatch(reason);
});

describe("--port", () => {
  async function serve(stage: Stage, url = redis().url) {
    const program = scaleSignal(["--queue", stage.queue, "--redis", url, "--port", "0"]);
    const [, address = ""] = await program.line(/serving (http:\/\/\S+)\/scale-signal/);
    return { program, address };
  }

  test("serves the same to autoscalers and to Prometheus, and ends on SIGTERM", async () => {
    const { stage, finish } = await busyFleet();
    const { program, address } = await serve(stage);
    expect(await (await fetch(`${address}/scale-signal`)).json()).toMatchObject({ backlog: 5, workers: 2 });
    const metrics = await (await fetch(`${address}/metrics`)).text();
    expect(metrics).toContain(`poolmq_queue_jobs{queue="${stage.queue}",state="waiting"} 3`);
    expect(metrics).toContain(`poolmq_queue_jobs{queue="${stage.queue}",state="active"} 2`);
    expect(metrics).toContain(`poolmq_queue_slots{queue="${stage.queue}"} 2`);
    await finish();
    await until(
      async () =>
        ((await (await fetch(`${address}/scale-signal`)).json()) as { backlog: number }).backlog === 0,
      { what: "the backlog to be done" },
    );
    program.kill("SIGTERM");
    expect(await within(5_000, "its end", program.exited)).toEqual({ code: 0, signal: null });
  });

  test("says that its port is in use, and by which flag to give another", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    onTestFinished(() => void taken.close());
    await once(taken, "listening");
    const { port } = taken.address() as AddressInfo;
    const { code, output: said } = await output(["--redis", redis().url, "--port", String(port)]);
    expect(said).toBe(
      `poolmq: The scale signal can't be served on 127.0.0.1, port ${port}: the port is in use. Give another port (--port), or end what listens there\n`,
    );
    expect(code).toBe(1);
  });

  test("waits for a Redis that is not there yet, as a worker does, and so does a dashboard", async () => {
    const own = await RedisServer.start({ listen: "tcp" });
    onTestFinished(() => own.stop());
    await own.kill();
    const port = String(await freePort());
    const address = `http://127.0.0.1:${port}`;
    const program = scaleSignal(["--redis", own.url, "--port", port]);
    const dashboard = startPoolmq(["dashboard", "-r", own.url, "--port", "0"]);
    const idle = startPoolmq(["dashboard", "-r", own.url, "--port", "0"]);
    await Promise.all(
      [program, dashboard, idle].map((of) => of.line(/poolmq: Waiting for Redis\. .*ECONNREFUSED/)),
    );
    expect((await fetch(`${address}/livez`)).status).toBe(200);
    expect((await fetch(`${address}/readyz`)).status).toBe(503);
    expect((await fetch(`${address}/scale-signal`)).status).toBe(500);
    idle.kill("SIGTERM");
    expect(await within(5_000, "its end", idle.exited)).toEqual({ code: 0, signal: null });
    await own.restart();
    await until(async () => (await fetch(`${address}/scale-signal`)).ok, { what: "Redis to be reached" });
    await dashboard.line(/^dashboard at http/m);
  });

  test("says so while Redis does not answer, so that no autoscaler takes silence for idleness", async () => {
    const own = await RedisServer.start({ listen: "tcp" });
    onTestFinished(() => own.stop());
    const { address } = await serve(new Stage(own), own.url);
    expect((await fetch(`${address}/readyz`)).status).toBe(200);
    own.pause();
    expect((await fetch(`${address}/readyz`)).status).toBe(503);
    expect((await fetch(`${address}/scale-signal`)).status).toBe(500);
    expect((await fetch(`${address}/livez`)).status).toBe(200);
    own.resume();
    await until(async () => (await fetch(`${address}/scale-signal`)).ok, { what: "Redis to be back" });
  });
});
