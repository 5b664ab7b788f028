import { appendFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { runWorker } from "@poolmq/worker";
import { describe, expect, onTestFinished, test } from "vitest";

import type { Program } from "../../support/processes.ts";
import { freePort, RedisServer, redisForFile } from "../../support/redis-server.ts";
import { Marks, rejection, Stage, TASKS, temporaryFolder } from "../../support/stage.ts";
import { uniqueQueue } from "../../support/unique.ts";
import { until } from "../../support/until.ts";
import { runPoolmq, startWorker, workerArgs } from "../../support/worker-program.ts";

const redis = redisForFile();
const MODULE = fileURLToPath(TASKS);

async function healthUrl(program: Program): Promise<string> {
  const [, url = ""] = await program.line(/"url":"(http:[^"]+)"/);
  return url;
}

async function get(url: string): Promise<{ code: number; body: unknown }> {
  const response = await fetch(url);
  return { code: response.status, body: await response.json() };
}

/** Reads one value; the labels may come in any order. */
function valueOf(page: string, name: string, labels: Readonly<Record<string, string>> = {}): number {
  const line = page
    .split("\n")
    .find(
      (text) =>
        text.startsWith(`${name}{`) &&
        Object.entries(labels).every(([label, value]) => text.includes(`${label}="${value}"`)),
    );
  return line === undefined ? Number.NaN : Number(line.slice(line.lastIndexOf(" ")));
}

describe("readiness", () => {
  test("begins when a child's initializer is done, and ends with the first SIGTERM; it is alive all the time", async () => {
    const folder = temporaryFolder();
    const module = join(folder, "tasks.mjs");
    const gate = join(folder, "gate");
    writeFileSync(
      module,
      `import { existsSync } from "node:fs";
       import { setTimeout as delay } from "node:timers/promises";
       export async function initializer() { while (!existsSync(${JSON.stringify(gate)})) await delay(5); }
       export async function gated(call) {
         const { gated } = await import(${JSON.stringify(TASKS.href)});
         return await gated(call);
       }`,
    );
    const stage = new Stage(redis());
    const program = startWorker(module, { url: redis().url, queue: stage.queue }, ["--health-port", "0"]);
    const url = await healthUrl(program);
    expect(await get(`${url}/readyz`)).toEqual({
      code: 503,
      body: {
        status: "not ready",
        reason: "the machine is starting",
        state: "starting",
        children: { ready: 0, wanted: 1 },
      },
    });
    expect((await get(`${url}/livez`)).code).toBe(200);
    appendFileSync(gate, "");
    await program.line(/worker machine ready/);
    expect(await get(`${url}/readyz`)).toEqual({
      code: 200,
      body: { status: "ready", state: "running", children: { ready: 1, wanted: 1 } },
    });

    const marks = new Marks();
    const result = stage.pool().map("gated", [{ log: marks.log, gate: marks.gate }]);
    await marks.started(1);
    program.kill("SIGTERM");
    await program.line(/stopping/);
    expect(await get(`${url}/readyz`)).toMatchObject({
      code: 503,
      body: { reason: "the machine is draining" },
    });
    expect((await get(`${url}/livez`)).code).toBe(200);
    marks.open();
    expect(await result).toHaveLength(1);
    expect(await program.exited).toEqual({ code: 0, signal: null });
  });

  test("ends while Redis does not answer, and comes back with it", async () => {
    await using server = await RedisServer.start();
    const machine = await runWorker({
      module: TASKS,
      connection: server.url,
      queue: uniqueQueue(),
      processes: 1,
      healthPort: 0,
    });
    onTestFinished(() => machine.close(0));
    const url = machine.healthUrl ?? "";
    expect((await get(`${url}/readyz`)).code).toBe(200);
    server.pause();
    expect(await get(`${url}/readyz`)).toMatchObject({
      code: 503,
      body: { reason: "Redis did not answer a PING within 500 ms" },
    });
    expect((await get(`${url}/livez`)).code).toBe(200);
    server.resume();
    await until(async () => (await get(`${url}/readyz`)).code === 200, { what: "it to be ready again" });
    await server.kill();
    await until(async () => (await get(`${url}/readyz`)).code === 503, { what: "Redis to be missed" });
    await server.restart();
    await until(async () => (await get(`${url}/readyz`)).code === 200, { what: "it to be ready again" });
  });
});

test("metrics count items by task and outcome, run and wait times, and lost children", async () => {
  const stage = new Stage(redis());
  const pool = stage.pool();
  const machine = await stage.machine({ healthPort: 0 });
  await pool.map("increment", [1, 2, 3, 4, 5], { chunksize: 2 });
  await pool.map("fail", [1, 2, 3, 4]).wait();
  await pool.map("fail", [1, 2, 3], { chunksize: 3 }).wait();
  await pool.map("exit", [1]).wait();
  const marks = new Marks();
  await pool.map("spinForEver", [marks.log], { taskTimeoutMs: 50 }).wait();
  // A process that has just been started has hardly any memory yet.
  const memory = async (): Promise<number> =>
    valueOf(await (await fetch(`${machine.healthUrl}/metrics`)).text(), "poolmq_child_memory_bytes", {});
  await until(async () => (await memory()) > 1_000_000, { what: "the new process to load" });

  const response = await fetch(`${machine.healthUrl}/metrics`);
  expect(response.headers.get("content-type")).toMatch(/^text\/plain; version=0\.0\.4/);
  const page = await response.text();
  const items = (task: string, outcome: string) => valueOf(page, "poolmq_items_total", { task, outcome });
  expect(items("increment", "ok")).toBe(5);
  expect(items("fail", "ok")).toBe(3);
  expect(items("fail", "threw")).toBe(4);
  expect(items("exit", "worker_lost")).toBe(1);
  expect(items("spinForEver", "task_timeout")).toBe(1);
  expect(valueOf(page, "poolmq_job_run_seconds_count", { task: "increment" })).toBe(3);
  expect(valueOf(page, "poolmq_job_wait_seconds_count", { task: "fail" })).toBe(5);
  const bounds = [...page.matchAll(/^poolmq_job_run_seconds_bucket\{le="([\d.]+)",.*task="increment"/gm)].map(
    ([, le]) => Number(le),
  );
  expect(bounds.at(-1)).toBeGreaterThanOrEqual(3_600);
  // A quantile is anywhere in its bucket.
  for (const [place, bound] of bounds.slice(1).entries())
    expect(bound / (bounds[place] ?? 0)).toBeLessThan(1.11);
  expect(valueOf(page, "poolmq_child_losses_total", { reason: "exit" })).toBe(3);
  expect(valueOf(page, "poolmq_child_losses_total", { reason: "stopped_task" })).toBe(1);
  expect(valueOf(page, "poolmq_children", { state: "wanted" })).toBe(1);
  expect(valueOf(page, "poolmq_jobs", { state: "running" })).toBe(0);
  expect(valueOf(page, "poolmq_machine_state", { state: "running" })).toBe(1);
  expect(valueOf(page, "poolmq_redis_up", {})).toBe(1);
  expect(valueOf(page, "poolmq_build_info", { node: process.versions.node })).toBe(1);
  expect(valueOf(page, "poolmq_child_memory_bytes", {})).toBeGreaterThan(1_000_000);
  expect(page).not.toContain(machine.id);
  await pool.map("fail", [1], { attempts: 3 }).wait();
  const later = await (await fetch(`${machine.healthUrl}/metrics`)).text();
  expect(valueOf(later, "poolmq_job_retries_total", { task: "fail" })).toBe(2);
  for (const name of [
    "poolmq_publish_retries_total",
    "poolmq_locks_lost_total",
    "process_resident_memory_bytes",
    "nodejs_eventloop_lag_p99_seconds",
  ])
    expect(valueOf(page, name, { queue: stage.queue })).toBeGreaterThanOrEqual(0);
});

test("of a module with very many tasks, the metrics name the first hundred", async () => {
  const module = join(temporaryFolder(), "tasks.mjs");
  const names = Array.from({ length: 105 }, (_, i) => `task${i}`);
  writeFileSync(module, names.map((name) => `export function ${name}() {}`).join("\n"));
  const stage = new Stage(redis());
  const machine = await stage.machine({ module, healthPort: 0 });
  const pool = stage.pool();
  await Promise.all(names.map(async (name) => await pool.map(name as "echo", [1])));
  const page = await (await fetch(`${machine.healthUrl}/metrics`)).text();
  expect(valueOf(page, "poolmq_items_total", { task: "(other)", outcome: "ok" })).toBe(5);
  expect(page.match(/^poolmq_items_total\{/gm)).toHaveLength(101);
});

test("only GET and HEAD of the three pages are answered", async () => {
  const { healthUrl: url } = await new Stage(redis()).machine({ healthPort: 0 });
  expect((await fetch(`${url}/`)).status).toBe(404);
  expect((await fetch(`${url}/livez`, { method: "POST" })).status).toBe(405);
  expect((await fetch(`${url}/livez?probe=1`, { method: "HEAD" })).status).toBe(200);
});

test("without a health port nothing listens", async () => {
  const machine = await new Stage(redis()).machine();
  expect(machine.healthUrl).toBeUndefined();
});

test("a closed machine has let go of its port", async () => {
  const machine = await new Stage(redis()).machine({ healthPort: 0 });
  const url = `${machine.healthUrl}/livez`;
  expect((await fetch(url)).status).toBe(200);
  await machine.close();
  await expect(fetch(url)).rejects.toThrow();
});

describe("a port in use", () => {
  async function takenPort(): Promise<number> {
    const server = createServer().listen(0, "127.0.0.1");
    onTestFinished(() => void server.close());
    await new Promise((resolve) => server.once("listening", resolve));
    return (server.address() as AddressInfo).port;
  }

  test("is an error with a code", async () => {
    const healthPort = await takenPort();
    const error = await rejection(
      runWorker({ module: TASKS, connection: redis().url, queue: uniqueQueue(), healthPort }),
    );
    expect(error).toMatchObject({
      name: "HealthPortError",
      code: "HEALTH_PORT",
      port: healthPort,
      message: expect.stringContaining("the port is in use"),
    });
  });

  test("ends the command with code 1 and one sentence", async () => {
    const port = await takenPort();
    const { code, output } = await runPoolmq([
      ...workerArgs(MODULE, { url: redis().url, queue: uniqueQueue() }),
      "--health-port",
      String(port),
      "--log-level",
      "silent",
    ]);
    expect(output).toMatch(/^poolmq: Health checks can't be served on 127\.0\.0\.1, port \d+: .*\n$/);
    expect(code).toBe(1);
  });
});

describe("poolmq healthcheck", () => {
  test("exits with 0 if the worker is ready, else with 1 and the reason", async () => {
    await using server = await RedisServer.start();
    const port = String(await freePort());
    const program = startWorker(MODULE, { url: server.url, queue: uniqueQueue() }, ["--health-port", port]);
    await program.line(/worker machine ready/);
    // As in a container: the worker and its check have the same environment.
    const env = { POOLMQ_HEALTH_PORT: port, POOLMQ_HEALTH_HOST: "0.0.0.0" };
    expect(await runPoolmq(["healthcheck"], env)).toMatchObject({
      code: 0,
      output: expect.stringContaining('"ready"'),
    });
    server.pause();
    expect(await runPoolmq(["healthcheck"], env)).toMatchObject({
      code: 1,
      output: expect.stringContaining("Redis did not answer"),
    });
    expect(await runPoolmq(["healthcheck", "--live", "--port", port])).toMatchObject({ code: 0 });
    server.resume();
    program.kill("SIGTERM");
    await program.exited;
    expect(await runPoolmq(["healthcheck", "--port", port])).toMatchObject({
      code: 1,
      output: expect.stringContaining("did not answer: connect ECONNREFUSED"),
    });
  });

  test("says which port it needs", async () => {
    expect(await runPoolmq(["healthcheck"])).toMatchObject({
      code: 2,
      output: expect.stringContaining("Expected --port (or POOLMQ_HEALTH_PORT)"),
    });
  });
});
