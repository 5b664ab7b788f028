/** What may happen to the processes of a pool without Redis. */

import { Pool } from "@poolmq/producer";
import type { PoolOptions } from "@poolmq/producer";
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

test("items that take their process down, or never end, or exhaust the heap, fail alone", async () => {
  const [poison, loop] = [new Marks(), new Marks()];
  const pool = memoryPool({ workerLossAttempts: 2, env: { NODE_OPTIONS: "--max-old-space-size=64" } });
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
});
