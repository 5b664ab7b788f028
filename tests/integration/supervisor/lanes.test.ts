/** One worker machine on two Redis servers, each with a pool of its own that knows nothing of the other. */

import { fileURLToPath } from "node:url";

import { runWorker, type WorkerMachine } from "@poolmq/worker";
import { expect, onTestFinished, test } from "vitest";

import { RedisServer } from "../../support/redis-server.ts";
import { Marks, rejection, Stage, TASKS } from "../../support/stage.ts";
import { until, within } from "../../support/until.ts";
import { startPoolmq } from "../../support/worker-program.ts";

interface Two {
  readonly servers: readonly [RedisServer, RedisServer];
  readonly stages: readonly [Stage, Stage];
  readonly urls: readonly [string, string];
}

async function twoServers(): Promise<Two> {
  const servers = await Promise.all([RedisServer.start(), RedisServer.start()]);
  for (const server of servers) onTestFinished(() => server.stop());
  const first = new Stage(servers[0]);
  const second = new Stage(servers[1], first.queue);
  return { servers, stages: [first, second], urls: [first.urlFor("worker"), second.urlFor("worker")] };
}

async function machineOn(
  { stages, urls }: Two,
  processes: number,
  connectTimeoutMs = 10_000,
): Promise<WorkerMachine> {
  const [{ queue }] = stages;
  const machine = await runWorker({ module: TASKS, connection: urls, queue, processes, connectTimeoutMs });
  onTestFinished(() => machine.close(0));
  return machine;
}

/** Tasks that wait, each for a gate of its own. */
function gated(count: number): { readonly marks: Marks[]; readonly calls: { log: string; gate: string }[] } {
  const marks = Array.from({ length: count }, () => new Marks());
  return { marks, calls: marks.map(({ log, gate }) => ({ log, gate })) };
}

async function started(marks: readonly Marks[], count: number): Promise<void> {
  await until(() => marks.filter(({ lines }) => lines.length > 0).length === count, {
    what: `${count} of these tasks to start`,
    timeoutMs: 20_000,
  });
}

test("both servers' items are worked off, with shared values and cancels of each", async () => {
  const two = await twoServers();
  await machineOn(two, 2);
  const numbers = Array.from({ length: 500 }, (_, i) => i);
  const pools = two.stages.map((stage) => stage.pool());
  const results = await Promise.all(pools.map((pool) => pool.map("increment", numbers)));
  for (const result of results) expect(result).toEqual(numbers.map((n) => n + 1));
  const sums = await Promise.all(
    pools.map(async (pool, at) => {
      const own = await pool.share(at * 100);
      return await pool.starmap("add", [
        [own, 1],
        [own, 2],
      ]);
    }),
  );
  expect(sums).toEqual([
    [1, 2],
    [101, 102],
  ]);
  // Both processes are taken by an item of the second server; the first one's cancel reaches its own items only.
  const { marks, calls } = gated(2);
  const maps = pools.map((pool, at) => pool.map("gated", calls.slice(at, at + 1)));
  await started(marks, 2);
  const cancelled = rejection(maps[0] ?? Promise.resolve());
  maps[0]?.cancel();
  expect(await cancelled).toMatchObject({ code: "CANCELLED" });
  marks[1]?.open();
  expect(await maps[1]).toHaveLength(1);
});

test("a lane without work lends its places, and has them back as soon as one of the borrower's items ends", async () => {
  const two = await twoServers();
  await machineOn(two, 2);
  const [first, second] = two.stages.map((stage) => stage.pool());
  const borrowers = gated(4);
  const owner = gated(1);
  const long = first?.map("gated", borrowers.calls, { chunksize: 1 });
  await started(borrowers.marks, 2);
  const short = second?.map("gated", owner.calls);
  // Whichever of the two ends, the other server's item is next, and not the borrower's third.
  const running = borrowers.marks.find(({ lines }) => lines.length > 0);
  // The job waits in Redis, and its marker is back: the machine knows of it. A marker alone says nothing, since a machine
  // that looks whether a queue is still empty leaves one too.
  const { admin } = two.servers[1];
  const { keys } = two.stages[1];
  const isKnown = async (): Promise<boolean> =>
    (await admin.llen(keys.job("wait"))) === 1 && (await admin.exists(keys.job("marker"))) === 1;
  await until(isKnown, { what: "the machine to know of the job" });
  running?.open();
  await started(owner.marks, 1);
  expect(borrowers.marks.filter(({ lines }) => lines.length > 0)).toHaveLength(2);
  for (const marks of [...borrowers.marks, ...owner.marks]) marks.open();
  expect(await long).toHaveLength(4);
  expect(await short).toHaveLength(1);
});

test("of one process, two servers with much to do have equal parts", async () => {
  const two = await twoServers();
  await machineOn(two, 1);
  const { log } = new Marks();
  const calls = Array.from({ length: 200 }, () => ({ log, ms: 5 }));
  let done = 0;
  const large = two.stages[0]
    .pool()
    .map("spin", calls, { chunksize: 1, onProgress: (told) => (done = told.done) });
  await until(() => done >= 3, { what: "the large map to be under way" });
  await two.stages[1].pool().map("spin", calls.slice(0, 10), { chunksize: 1 });
  // One after the other. Some of the large one's are ahead already, in the process's pipe too, and its own last ones are
  // told late.
  expect(done).toBeLessThan(120);
  expect(await large).toHaveLength(200);
});

test.for(["killed", "frozen"] as const)(
  "with one server %s, all processes work for the other, and what was under way is finished once it is back",
  { timeout: 60_000 },
  async (how) => {
    const two = await twoServers();
    await machineOn(two, 2);
    const [server] = two.servers;
    const [first, second] = two.stages.map((stage) => stage.pool());
    const stuck = gated(2);
    const other = gated(2);
    const waits = first?.map("gated", stuck.calls, { chunksize: 1 });
    await started(stuck.marks, 2);
    if (how === "killed") await server.kill();
    else server.pause();
    // Their outcomes can't be told of, and neither can the ends of their jobs.
    for (const marks of stuck.marks) marks.open();
    const goesOn = second?.map("gated", other.calls, { chunksize: 1 });
    await started(other.marks, 2);
    for (const marks of other.marks) marks.open();
    expect(await goesOn).toHaveLength(2);
    const numbers = Array.from({ length: 200 }, (_, i) => i);
    expect(await second?.map("echo", numbers)).toEqual(numbers);
    if (how === "killed") await server.restart();
    else server.resume();
    expect(await waits).toHaveLength(2);
    expect(await first?.map("echo", numbers)).toEqual(numbers);
  },
);

test("a machine serves as soon as one server is there, and ends in good order while the other is away", async () => {
  const two = await twoServers();
  const [server] = two.servers;
  await server.kill();
  const [{ queue }] = two.stages;
  const redis = two.urls.flatMap((url) => ["--redis", url]);
  const worker = startPoolmq(["worker", fileURLToPath(TASKS), ...redis, "-q", queue, "-p", "1"]);
  await worker.line(/worker machine ready/);
  const [first, second] = two.stages.map((stage) => stage.pool());
  expect(await second?.map("increment", [1])).toEqual([2]);
  await server.restart();
  const again = first?.map("increment", [1]);
  expect(await again).toEqual([2]);
  // Otherwise the machine may have an outcome in hand of which it does not know whether Redis has it.
  const jobs = two.stages[0].keys.job(`${again?.id}-*`);
  await until(async () => (await server.admin.keys(jobs)).length === 0, { what: "the acknowledgement" });
  await server.kill();
  const { marks, calls } = gated(1);
  const map = second?.map("gated", calls);
  await started(marks, 1);
  worker.kill("SIGTERM");
  await worker.line(/"to":"draining"/);
  marks[0]?.open();
  expect(await map).toHaveLength(1);
  expect(await within(15_000, "its end", worker.exited)).toMatchObject({ code: 0 });
}, 60_000);

test("a machine does not start if none of its servers is there, or one of them can't be used", async () => {
  const two = await twoServers();
  const [server, other] = two.servers;
  await server.admin.config("SET", "maxmemory-policy", "allkeys-lru");
  expect(await rejection(machineOn(two, 1))).toMatchObject({ code: "REDIS_EVICTION" });
  await Promise.all([server.kill(), other.kill()]);
  expect(await rejection(machineOn(two, 1, 300))).toMatchObject({ code: "REDIS_CONNECTION" });
});
