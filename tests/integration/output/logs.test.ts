import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

import { Pool, type PoolOptions } from "@poolmq/producer";
import { expect, onTestFinished, test } from "vitest";

import type * as tasks from "../../fixtures/printing-tasks.ts";
import { PRELOADS, Program } from "../../support/processes.ts";
import { freePort, RedisServer, redisForFile } from "../../support/redis-server.ts";
import { Marks } from "../../support/stage.ts";
import { uniqueQueue } from "../../support/unique.ts";
import { until, within } from "../../support/until.ts";
import { CLI, recordsOf, startWorker, workerArgs } from "../../support/worker-program.ts";

const redis = redisForFile();
const MODULE = fileURLToPath(new URL("../../fixtures/printing-tasks.ts", import.meta.url));

function newPool(at: { url: string; queue: string }, options: PoolOptions<typeof tasks> = {}) {
  const pool = new Pool<typeof tasks>({ connection: at.url, queue: at.queue, ...options });
  onTestFinished(() => pool.terminate());
  return pool;
}

function stage(server = redis()) {
  const at = { url: server.url, queue: uniqueQueue() };
  return { at, pool: newPool(at) };
}

test("each line that a task prints is a line of the log, with the item that printed it", async () => {
  const { at, pool } = stage();
  const program = startWorker(MODULE, at, ["--concurrency", "4"]);
  await pool.map("printIndex", Array.from({ length: 30 }), { chunksize: 3 });
  const lines = await until(
    () => {
      const found = recordsOf(program).filter(({ from }) => from === "stdout");
      return found.length === 60 ? found : undefined;
    },
    { what: "60 lines" },
  );
  for (const { msg, index } of lines) expect(msg).toMatch(new RegExp(`^(before|after) ${String(index)}$`));
});

test("prints, records and their levels", async () => {
  const { at, pool } = stage();
  const program = startWorker(MODULE, at);
  const result = pool.map("printAndLog", [5]);
  await result;
  await program.line(/task failed/);
  program.kill("SIGTERM");
  await program.exited;
  const [pid] = recordsOf(program).flatMap(({ msg, childPid }) => (msg === "child ready" ? [childPid] : []));
  const item = { mapId: result.id, index: 0, childPid: pid };
  const said = recordsOf(program).filter(({ mapId }) => mapId !== undefined);
  expect(said).toHaveLength(5);
  expect(said).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ ...item, level: 30, from: "stdout", msg: "to stdout" }),
      expect.objectContaining({ ...item, level: 30, from: "stdout", msg: "  indented" }),
      expect.objectContaining({ ...item, level: 40, from: "stderr", msg: "to stderr" }),
      expect.objectContaining({ ...item, level: 30, attempt: 1, size: 5, msg: "task says" }),
      expect.objectContaining({
        ...item,
        level: 50,
        attempt: 1,
        msg: "task failed",
        err: expect.objectContaining({ type: "RangeError", message: "too large" }),
      }),
    ]),
  );
});

test("what a task printed before it took its process down is in the log", async () => {
  const { at, pool } = stage();
  const program = startWorker(MODULE, at);
  const result = pool.apply("lastWords", []);
  await result.wait();
  await program.line(/last words[^]*last words[^]*last words/);
  expect(recordsOf(program).filter(({ msg }) => msg === "x".repeat(100))).toHaveLength(30_000);
  expect(recordsOf(program).find(({ msg }) => msg === "last words")).toMatchObject({ index: 0 });
});

test("a line that is too long is cut, and the log says by how much", async () => {
  const { at, pool } = stage();
  const program = startWorker(MODULE, at);
  await pool.apply("longLine", [5_000_000]);
  await program.line(/cutChars/);
  const line = recordsOf(program).find(({ msg }) => msg.startsWith("yyy"));
  expect(line?.msg.length).toBeLessThanOrEqual(8 * 1024);
  expect(line?.["cutChars"]).toBeGreaterThan(4_980_000);
});

test("a log that nobody reads holds up who prints, and neither fills the supervisor's memory nor stops it", async () => {
  const { at, pool } = stage();
  const port = await freePort();
  const program = spawn(
    process.execPath,
    [
      "--conditions=@poolmq/source",
      ...PRELOADS,
      CLI,
      ...workerArgs(MODULE, at),
      "--health-port",
      String(port),
    ],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  onTestFinished(async () => {
    if (program.exitCode !== null) return;
    program.kill("SIGKILL");
    await once(program, "exit");
  });
  const page = async (path: string) => await fetch(`http://127.0.0.1:${port}${path}`);
  await until(
    async () =>
      await page("/readyz").then(
        ({ ok }) => ok,
        () => false,
      ),
    { what: "the worker" },
  );
  const lines = 400_000; // 44 MB of text, and about 130 MB of log
  const flooded = pool.apply("flood", [lines]);
  // Its event loop turns, for more than two lengths of a lock.
  const end = performance.now() + 6_500;
  await until(
    async () => {
      await within(1_000, "an answer", page("/livez"));
      return performance.now() >= end;
    },
    { what: "two lengths of a lock to pass", everyMs: 50 },
  );
  expect(flooded.ready()).toBe(false);
  const text = await (await page("/metrics")).text();
  expect(Number(/^process_resident_memory_bytes\S* (\d+)/m.exec(text)?.[1])).toBeLessThan(250_000_000);
  expect(Number(/^poolmq_locks_lost_total\S* (\d+)/m.exec(text)?.[1])).toBe(0);
  let printed = 0;
  program.stdout.setEncoding("utf8").on("data", (piece: string) => {
    printed += piece.split(" zzz").length - 1;
  });
  expect(await within(40_000, "the flood's end", flooded)).toBe(lines);
  program.kill("SIGTERM");
  await once(program, "close");
  // A line on the border of two pieces may be missed by our own count.
  expect(printed).toBeGreaterThan(lines * 0.99);
}, 60_000);

test("arguments and results are never logged, not even with what Redis refuses", async () => {
  await using full = await RedisServer.start();
  const { at, pool } = stage(full);
  const program = startWorker(MODULE, at, ["--log-level", "trace"]);
  await program.line(/worker machine ready/);
  const secret = "canary-7f3a";
  await pool.map("keepSecret", [{ secret, then: "return" }]);
  await pool.map("keepSecret", [{ secret, then: "throw" }]).wait();
  await pool.map("keepSecret", [{ secret, then: "hang" }], { taskTimeoutMs: 50 }).wait();
  const cancelled = pool.map("keepSecret", [{ secret, then: "hang" }]);
  cancelled.cancel();
  await cancelled.wait();

  // A job runs, and Redis is full when its outcome is there.
  const marks = new Marks();
  const result = pool.map("keepSecret", [{ secret, then: "hang", log: marks.log, gate: marks.gate }]);
  await marks.started(1);
  await full.admin.config("SET", "maxmemory", "1");
  marks.open();
  await program.line(/publish refused/);
  await full.admin.config("SET", "maxmemory", "0");
  expect(await within(15_000, "the result", result)).toEqual([secret]);
  program.kill("SIGTERM");
  await program.exited;
  expect(program.output).not.toContain(secret);
});

test("a pool's own workers print where it prints, and are silent otherwise", async () => {
  const program = (env: Readonly<Record<string, string>>): Program => {
    const started = Program.source(
      `import { Pool } from "@poolmq/producer";
       const pool = new Pool({ tasks: ${JSON.stringify(MODULE)}, processes: 1, connection: ${JSON.stringify(redis().url)} });
       console.log(await pool.map("printAndLog", [3]));
       await pool.apply("lastWords", []).wait();
       await pool.close();
       await pool.join();`,
      { env: { POOLMQ_LOG_LEVEL: undefined, ...env } },
    );
    onTestFinished(() => started[Symbol.asyncDispose]());
    return started;
  };
  const plain = program({});
  expect((await within(20_000, "its end", plain.exited)).code).toBe(0);
  expect(plain.output).toContain("to stdout\n\n  indented\n");
  expect(plain.output).toContain("to stderr\n");
  expect(plain.output.split("last words")).toHaveLength(4);
  // What tasks log is for the user as well; what the machine says of itself is not.
  expect(recordsOf(plain).map(({ msg }) => msg)).toEqual(["task says", "task failed"]);
  expect(recordsOf(plain)[0]).toMatchObject({ index: 0, attempt: 1, size: 3 });

  const loud = program({ POOLMQ_LOG_LEVEL: "info" });
  expect((await within(20_000, "its end", loud.exited)).code).toBe(0);
  for (const message of ["child ready", "worker machine ready", "task says", "child lost"]) {
    expect(loud.output).toContain(`"msg":"${message}"`);
  }
}, 40_000);
