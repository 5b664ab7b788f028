import { Pool } from "@poolmq/producer";
import { expect, onTestFinished, test } from "vitest";

import type * as tasks from "../../fixtures/tasks.ts";
import { descendantsOf, isRunning, processesNaming } from "../../support/processes.ts";
import { RedisServer } from "../../support/redis-server.ts";
import { Marks, rejection, Stage, TASKS } from "../../support/stage.ts";
import { until, within } from "../../support/until.ts";

async function startServer(): Promise<RedisServer> {
  const server = await RedisServer.start();
  onTestFinished(() => server.stop());
  return server;
}

/** The embedded Redis of this process. A server that brings its own C library is started by that library's loader. */
function embeddedPid(): number {
  const own = new Set(descendantsOf(process.pid));
  const server = processesNaming("poolmq-redis-").find(
    ({ pid, command }) => own.has(pid) && /(redis|valkey)-server|ld-linux/.test(command.split(" ")[0] ?? ""),
  );
  if (server === undefined) throw new Error("No embedded Redis runs");
  return server.pid;
}

test("an embedded Redis that dies fails the running map and later ones, and the pool still ends", async () => {
  const marks = new Marks();
  const pool = new Pool<typeof tasks>({ tasks: TASKS, processes: 1, connection: "embedded" });
  onTestFinished(() => pool.terminate());
  const result = pool.map("gated", [{ log: marks.log, gate: marks.gate }]);
  const [child] = await marks.started(1);
  process.kill(embeddedPid(), "SIGKILL");
  const gone = { code: "EMBEDDED_REDIS", message: expect.stringContaining("SIGKILL") };
  expect(await within(3_000, "the map's error", rejection(result))).toMatchObject(gone);
  expect(await within(3_000, "the next error", rejection(pool.map("increment", [1])))).toMatchObject(gone);
  await within(8_000, "the pool's end", pool[Symbol.asyncDispose]());
  await until(() => !isRunning(Number(child)), { what: "the worker process to end" });
});

test("terminate() of a pool whose Redis is gone ends it", async () => {
  const server = await startServer();
  const pool = new Stage(server).pool();
  const result = pool.map("increment", [1, 2, 3]);
  await until(async () => (await server.admin.keys("*:wait")).length > 0, {
    what: "the jobs to be in Redis",
  });
  await server.kill();
  await within(5_000, "terminate()", pool.terminate());
  expect(await rejection(result)).toMatchObject({ code: "CANCELLED" });
});

test("a pool with worker processes ends, although its Redis is gone", async () => {
  const server = await startServer();
  const pool = new Stage(server).localPool({ queue: undefined });
  expect(await pool.map("increment", [1])).toEqual([2]);
  const children = descendantsOf(process.pid);
  await server.kill();
  await within(10_000, "the pool's end", pool[Symbol.asyncDispose]());
  expect(children.filter((pid) => pid !== server.pid && isRunning(pid))).toEqual([]);
});

test("a worker machine closes by its deadline, although its Redis is gone", async () => {
  const server = await startServer();
  const stage = new Stage(server);
  const machine = await stage.machine();
  const marks = new Marks();
  const result = stage.pool().map("gated", [{ log: marks.log, gate: marks.gate }]);
  void result.wait();
  await marks.started(1);
  await server.kill();
  const started = performance.now();
  await within(8_000, "the machine's end", machine.close(1_000));
  expect(performance.now() - started).toBeLessThan(5_000);
  expect(machine.pids).toEqual([]);
});

test("a map goes on where it was when Redis comes back with its data", async () => {
  // Else a Redis whose disk is slow answers before it writes, and a killed one comes back without its last seconds.
  const server = await RedisServer.start({ settings: { appendonly: "yes", appendfsync: "always" } });
  onTestFinished(() => server.stop());
  const stage = new Stage(server);
  await stage.machine();
  const marks = new Marks();
  const pool = stage.pool();
  const gated = pool.map("gated", [{ log: marks.log, gate: marks.gate }]);
  const waiting = pool.map("increment", [1, 2, 3]);
  await marks.started(1);
  await server.restart();
  marks.open();
  expect(await waiting).toEqual([2, 3, 4]);
  expect(await gated).toHaveLength(1);
  expect(marks.lines).toHaveLength(1);
});

test("a map is enqueued again when Redis comes back without its data", async () => {
  const server = await startServer();
  const stage = new Stage(server);
  const pool = stage.pool();
  const result = pool.map("increment", [1, 2, 3]);
  await until(async () => (await server.admin.keys("*:wait")).length > 0, {
    what: "the jobs to be in Redis",
  });
  await server.restart();
  expect(await server.admin.dbsize()).toBe(0);
  await stage.machine();
  expect(await within(15_000, "the results", result)).toEqual([2, 3, 4]);
});
