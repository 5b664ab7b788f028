/** What only a `ThreadPool` does, and what it does otherwise than a `Pool`. */

import { join } from "node:path";

import { Pool, ThreadPool } from "@poolmq/producer";
import type { ThreadPoolOptions } from "@poolmq/producer";
import { describe, expect, onTestFinished, test, vi } from "vitest";

import * as tasks from "../fixtures/behaviours.ts";
import { BEHAVIOURS } from "../support/both-pools.ts";
import { Program } from "../support/processes.ts";
import { Marks, rejection, temporaryFolder } from "../support/stage.ts";

function threadPool(options: Partial<ThreadPoolOptions> = {}): ThreadPool<typeof tasks> {
  const pool = new ThreadPool<typeof tasks>({ tasks: BEHAVIOURS, threads: 1, ...options });
  onTestFinished(() => pool.terminate());
  return pool;
}

/** What a thread loads of poolmq beside its port. */
const THREAD = new URL("../../packages/worker/src/child/start-tasks.ts", import.meta.url).href;

const fixture = (name: string): URL => new URL(`../fixtures/${name}.ts`, import.meta.url);

describe("options", () => {
  test.for([
    [{ tasks }, "got the module itself: write new URL("],
    [{}, "got undefined"],
    [{ tasks: 5 }, "Expected `tasks` to be a path"],
    [{ tasks: BEHAVIOURS, threads: -1 }, "`threads` to be an integer from 0"],
    [{ tasks: BEHAVIOURS, threads: 0, env: { A: "1" } }, "`env` is for threads, of which this pool has none"],
    [{ threads: 0 }, "got undefined"],
    [{ tasks: BEHAVIOURS, thread: 2 }, "Did you mean `threads`?"],
    [{ tasks: BEHAVIOURS, connection: "redis://127.0.0.1" }, "Unknown option `connection`"],
    [{ tasks: BEHAVIOURS, maxMemoryPerThreadMb: 0 }, "`maxMemoryPerThreadMb`"],
    [{ tasks: BEHAVIOURS, attempts: 0 }, "`attempts`"],
    [{ tasks: BEHAVIOURS, logger: console.log }, "`logger` to be a pino logger"],
  ] as const)("%o are refused", ([options, message]) => {
    expect(() => new ThreadPool(options as never)).toThrow(
      expect.objectContaining({ code: "INVALID_OPTION", message: expect.stringContaining(message) }),
    );
  });

  test("a path from the working directory is as good as a URL", async () => {
    const pool = threadPool({ tasks: BEHAVIOURS.pathname });
    expect(await pool.map("increment", [1])).toEqual([2]);
  });
});

describe("share() of a SharedArrayBuffer", () => {
  test.each([2, 0])("gives %i threads the memory itself, not a copy of it", async (threads) => {
    const pool = threadPool({ threads });
    const counts = new Int32Array(new SharedArrayBuffer(4 * Int32Array.BYTES_PER_ELEMENT));
    const shared = await pool.share(counts);
    const calls = Array.from({ length: 100 }, (_, i) => [shared, i % 4] as const);
    await pool.starmap("countIn", calls);
    expect([...counts]).toEqual([25, 25, 25, 25]);
  });

  test("is refused by a pool of processes, which have no memory in common", async () => {
    await using pool = new Pool<typeof tasks>({ tasks: BEHAVIOURS, connection: "memory", processes: 1 });
    const error = await rejection(pool.share(new SharedArrayBuffer(8)));
    expect(error).toMatchObject({
      code: "SERIALIZATION",
      message: expect.stringContaining("SharedArrayBuffer"),
    });
  });
});

describe("what needs Redis", () => {
  const refused = { code: "INVALID_OPTION", message: expect.stringContaining("lives in Redis") };

  test("mapId is refused at once: nothing is read, nothing runs", async () => {
    let read = 0;
    function* input(): Generator<number> {
      for (; ; read++) yield read;
    }
    expect(await rejection(threadPool().map("increment", input(), { mapId: "m" }))).toMatchObject(refused);
    expect(await rejection(threadPool().imap("increment", [1], { mapId: "m" }).next())).toMatchObject(
      refused,
    );
    expect(read).toBe(0);
  });

  test("attach() is refused", async () => {
    expect(await rejection(threadPool().attach("m"))).toMatchObject(refused);
  });

  test("is not looked for: no Redis is reached, whatever the environment names", async () => {
    vi.stubEnv("REDIS_URL", "redis://127.0.0.1:1");
    onTestFinished(() => void vi.unstubAllEnvs());
    expect(await threadPool().map("increment", [1])).toEqual([2]);
  });
});

describe("threads", () => {
  test("are threads of this process", async () => {
    const error = await rejection(threadPool().map("evenOnly", [1]));
    expect(error).toMatchObject({ remote: { pid: process.pid } });
  });

  test("ready() takes no more of them than there are", async () => {
    const pool = threadPool();
    await pool.ready(1);
    expect(await rejection(pool.ready(2))).toMatchObject({ code: "INVALID_OPTION" });
  });

  test("that run out of memory are the item's WorkerLostError, and this process lives", async () => {
    const pool = threadPool({ maxMemoryPerThreadMb: 24, workerLossAttempts: 1 });
    expect(await rejection(pool.map("hoard", [undefined]))).toMatchObject({
      code: "WORKER_LOST",
      losses: 1,
      outOfMemory: true,
    });
    expect(await pool.map("increment", [1])).toEqual([2]);
  });

  test("that are ended to stop one item run the others again, which are not charged", async () => {
    const marks = new Marks();
    const pool = threadPool({ concurrency: 2, workerLossAttempts: 1 });
    const innocent = pool.map("gated", [{ log: marks.log, gate: marks.gate }]);
    await marks.started(1);
    // It does not heed its signal, so its thread is ended, with the other one's item.
    expect(await rejection(pool.map("impatient", [undefined]))).toMatchObject({ code: "TASK_TIMEOUT" });
    await marks.started(2);
    marks.open();
    expect(await innocent).toEqual(["started"]);
  });

  test("whose event loop is blocked do not start the clock of an item that waits behind", async () => {
    const marks = new Marks();
    const pool = threadPool({ concurrency: 2 });
    const spinning = pool.map("spinForEver", [marks.log], { taskTimeoutMs: 300 });
    await marks.started(1);
    const waiting = pool.map("increment", [1], { taskTimeoutMs: 200 });
    expect(await rejection(spinning)).toMatchObject({ code: "TASK_TIMEOUT" });
    expect(await waiting).toEqual([2]);
  });

  test("that can't be started again fail the calls instead of trying for ever", async () => {
    const env = { HOOKS_LOG: join(temporaryFolder(), "log") };
    const pool = threadPool({ tasks: fixture("loads-once"), env });
    const error = { code: "TASKS_MODULE", message: expect.stringContaining("no second time") };
    expect(await rejection(pool.map("increment", [1]))).toMatchObject(error);
    expect(await rejection(pool.map("increment", [1]))).toMatchObject(error);
  });

  test("that do not become ready in time fail the calls", async () => {
    const pool = threadPool({ tasks: fixture("never-loads"), startTimeoutMs: 100 });
    expect(await rejection(pool.map("increment", [1]))).toMatchObject({
      code: "TASKS_MODULE",
      message: expect.stringContaining("`startTimeoutMs` (100 ms)"),
    });
  });
});

describe("hooks of the tasks module", () => {
  test("finalizer() runs once in each thread when the pool is closed", async () => {
    const marks = new Marks();
    const pool = threadPool({ tasks: fixture("hooked"), threads: 3, env: { HOOKS_LOG: marks.log } });
    await pool.ready(3);
    await pool[Symbol.asyncDispose]();
    expect(marks.lines).toEqual(["finalized", "finalized", "finalized"]);
  });

  test("an initializer that fails is not tried again and again", async () => {
    const marks = new Marks();
    const pool = threadPool({
      tasks: fixture("initializer-fails"),
      threads: 2,
      env: { HOOKS_LOG: marks.log },
    });
    await rejection(pool.ready());
    await rejection(pool.map("increment", [1]));
    await pool[Symbol.asyncDispose]();
    expect(marks.lines.length).toBeLessThanOrEqual(2);
  });
});

test("a value that another pool has shared is refused", async () => {
  const model = await threadPool().share({ weights: [] });
  const call = threadPool().starmap("seesShared", [[model as never, 0]]);
  expect(await rejection(call)).toMatchObject({ code: "SHARED_VALUE_GONE" });
});

test("what a thread loads of poolmq has no Redis client, queue or command line in it", async () => {
  await using program = Program.source(`
    import { createRequire } from "node:module";
    const doors = ["@poolmq/worker", "@poolmq/shared/task", ${JSON.stringify(THREAD)}];
    for (const door of doors) await import(door);
    const loaded = Object.keys(createRequire(import.meta.filename ?? "/").cache ?? {});
    console.log(loaded.filter((file) => /ioredis|bullmq|commander|pino/.test(file)).length);
  `);
  expect(await program.exited).toMatchObject({ code: 0 });
  expect(program.output).toBe("0\n");
});

test("no thread's compiled WebAssembly is freed while others may take it up, which ends the process in some releases of V8", async () => {
  // V8 tells of each collection. Threads that strip types replace compiled code all the time with these flags.
  await using program = Program.source(`
    import { setFlagsFromString } from "node:v8";
    import { ThreadPool } from "@poolmq/producer";
    async function ask() {
      await using pool = new ThreadPool({ tasks: ${JSON.stringify(BEHAVIOURS.href)}, threads: 2 });
      return await pool.map("increment", [1, 2]);
    }
    await ask();
    for (const flag of ["--trace-wasm-code-gc", "--stress-wasm-code-gc", "--wasm-tiering-budget=1000"]) {
      setFlagsFromString(flag);
    }
    console.log(await ask());
  `);
  expect(await program.exited).toMatchObject({ code: 0 });
  expect(program.output).toBe("[ 2, 3 ]\n");
});
