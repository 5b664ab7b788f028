/** What may happen to the processes and threads of a pool without Redis. */

import { Pool, ThreadPool } from "@poolmq/producer";
import type { PoolOptions } from "@poolmq/producer";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

import { expect, onTestFinished, test } from "vitest";

import type * as tasks from "../fixtures/behaviours.ts";
import { BEHAVIOURS } from "../support/both-pools.ts";
import { faultSeed } from "../support/fault-seed.ts";
import { descendantsOf } from "../support/processes.ts";
import { seededRandom } from "../support/random.ts";
import { Marks, rejection } from "../support/stage.ts";
import { until } from "../support/until.ts";

function memoryPool(options: Partial<PoolOptions<typeof tasks>> = {}): Pool<typeof tasks> {
  const pool = new Pool<typeof tasks>({ tasks: BEHAVIOURS, processes: 2, connection: "memory", ...options });
  onTestFinished(() => pool.terminate());
  return pool;
}

const isEven = (_: unknown, index: number): boolean => index % 2 === 0;

test("a long stream holds no more than its buffer, however many items it has had", async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const heapUsed = (): number => {
    collect();
    return process.memoryUsage().heapUsed;
  };
  function* numbers(): Generator<number> {
    for (let i = 0; i < 100_000; i++) yield i;
  }
  let next = 1;
  let early = 0;
  for await (const result of memoryPool().imap("increment", numbers(), { chunksize: "auto" })) {
    expect(result).toBe(next);
    if (next++ === 40_000) early = heapUsed();
  }
  expect(next).toBe(100_001);
  // A hundred bytes kept for each of 60,000 items would be six megabytes.
  expect((heapUsed() - early) / 2 ** 20).toBeLessThan(3);
});

test("a pool of four processes that loses one every 100 ms loses no item", async () => {
  const random = seededRandom(faultSeed());
  // Whoever is charged runs again: with the worst luck, an item meets several of the kills.
  const pool = memoryPool({ processes: 4, workerLossAttempts: 20 });
  await pool.ready(4);
  const items = Array.from({ length: 20_000 }, (_, i) => i);
  const map = pool.map("increment", items);
  const waiting = pool.starmap(
    "echoLater",
    items.slice(0, 400).map((i) => [5, i]),
    { chunksize: 5 },
  );
  let kills = 0;
  const killer = setInterval(() => {
    const children = descendantsOf(process.pid).filter((pid) => pid !== process.pid);
    const victim = children[Math.floor(random() * children.length)];
    if (victim === undefined || ++kills > 40) return clearInterval(killer);
    try {
      process.kill(victim, "SIGKILL");
    } catch {
      // It has ended already.
    }
  }, 100);
  onTestFinished(() => clearInterval(killer));
  expect(await map).toEqual(items.map((x) => x + 1));
  expect(await waiting).toEqual(items.slice(0, 400));
  await until(() => kills > 10, { what: "some kills" });
  clearInterval(killer);
  expect(await pool.map("increment", [1])).toEqual([2]);
});

test("a busy process that is killed: its item runs again, and nobody else is charged", async () => {
  const marks = new Marks();
  const pool = memoryPool({ workerLossAttempts: 2 });
  await pool.ready(2);
  const call = { log: marks.log, gate: marks.gate };
  const map = pool.map("gated", [call, call]);
  await marks.started(2);
  const [victim = 0] = descendantsOf(process.pid);
  process.kill(victim, "SIGKILL");
  await marks.started(3);
  marks.open();
  expect(await map).toEqual(["started", "started"]);
  expect(map.insights()).toMatchObject({ losses: 1 });
});

/** Their heaps are small, so that they are soon exhausted. */
const KINDS = {
  processes: () => memoryPool({ workerLossAttempts: 2, env: { NODE_OPTIONS: "--max-old-space-size=64" } }),
  threads: () => {
    const options = { tasks: BEHAVIOURS, threads: 2, workerLossAttempts: 2, maxMemoryPerThreadMb: 64 };
    const pool = new ThreadPool<typeof tasks>(options);
    onTestFinished(() => pool.terminate());
    return pool;
  },
};

test.each(["processes", "threads"] as const)(
  "%s: items that end their worker, or never end, or exhaust the heap, fail alone",
  async (kind) => {
    const [poison, loop] = [new Marks(), new Marks()];
    const pool = KINDS[kind]();
    const [dead, endless, hoarder, others] = await Promise.all([
      rejection(pool.map("dies", [{ log: poison.log, how: "exit", losses: Infinity }])),
      rejection(pool.map("spinForEver", [loop.log], { taskTimeoutMs: 300 })),
      rejection(pool.map("hoard", [undefined])),
      pool.map("evenOnly", [...Array(200).keys()]).settled(),
    ]);
    expect(dead).toMatchObject({ code: "WORKER_LOST", losses: 2 });
    expect(endless).toMatchObject({ code: "TASK_TIMEOUT" });
    expect(hoarder).toMatchObject({ code: "WORKER_LOST", outOfMemory: true });
    expect(others.map(({ status }) => status === "fulfilled")).toEqual(others.map(isEven));
    expect(poison.lines).toHaveLength(2);
  },
);
