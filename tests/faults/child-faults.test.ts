/** What a worker process may do to itself, or have done to it. Rows 1, 2, 5, 7, 8 and 9. */

import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "vitest";

import type { Pool } from "@poolmq/producer";

import type * as tasks from "../fixtures/fault-tasks.ts";
import {
  doubled,
  expectWhole,
  Failing,
  FaultStage,
  figure,
  percentile,
  RunLog,
  SHORT_LOCKS,
  wallNow,
  Watched,
} from "../support/fault-stage.ts";
import { redisForFile } from "../support/redis-server.ts";
import { rejection, temporaryFolder } from "../support/stage.ts";
import { until } from "../support/until.ts";

const redis = redisForFile();

test("row 1: a busy child that is killed: its item runs again, nobody else is charged", async () => {
  const stage = new FaultStage(redis());
  const log = new RunLog();
  // Whoever is charged with a second loss fails.
  const machine = await stage.machineProcess({ processes: 3, workerLossAttempts: 2 });
  await until(() => machine.children.length === 3, { what: "three children" });
  const pool = stage.pool<typeof tasks>();
  await pool.ready(3);
  const map = new Watched((options) => pool.map("gated", log.items(2), options));
  await log.started(2);
  const [first] = log.runsOf(0);
  const killedAt = wallNow();
  process.kill(first?.pid ?? 0, "SIGKILL");
  const again = await until(() => log.runsOf(0)[1], { what: "the item to run again" });
  log.open();
  await expectWhole(map, doubled(2));
  expect(log.reruns).toBe(1);
  expect(machine.children).not.toContain(first?.pid);
  figure(1, "restart of the item of a killed child, another being idle", again.startedAt - killedAt, "ms");
});

test("row 2: an idle child that is killed costs the next items nothing", async () => {
  const stage = new FaultStage(redis());
  const machine = await stage.machineProcess({ workerLossAttempts: 1 });
  const pool = stage.pool<typeof tasks>();
  await pool.map("work", new RunLog().items(1));
  let failures = 0;
  for (let round = 0; round < 5; round++) {
    const [child = 0] = machine.children;
    process.kill(child, "SIGKILL");
    const log = new RunLog();
    // At once: its supervisor may not know yet.
    const map = new Watched((options) => pool.map("work", log.items(5), options));
    await expectWhole(map, doubled(5));
    failures += map.result.progress.failed;
    expect(log.reruns).toBe(0);
    expect(machine.children).not.toContain(child);
  }
  figure(2, "innocent items that failed", failures, "");
});

test("row 2: a child that dies before it has read its next item costs that item nothing", async () => {
  const stage = new FaultStage(redis());
  const machine = await stage.machineProcess({ workerLossAttempts: 1 });
  const pool = stage.pool<typeof tasks>();
  await pool.map("work", new RunLog().items(1));
  const [child = 0] = machine.children;
  process.kill(child, "SIGSTOP");
  const log = new RunLog();
  const map = new Watched((options) => pool.map("work", log.items(1), options));
  const active = stage.keys.job("active");
  await until(async () => (await redis().admin.llen(active)) === 1, { what: "the item to be fetched" });
  process.kill(child, "SIGKILL");
  await expectWhole(map, doubled(1));
  expect(log.executions).toHaveLength(1);
});

test("row 2: a child that is killed while it starts is started again, and its machine is not given up", async () => {
  const stage = new FaultStage(redis());
  const log = join(temporaryFolder(), "starts");
  writeFileSync(log, "");
  const pids = (): number[] => readFileSync(log, "utf8").split("\n").slice(0, -1).map(Number);
  const module = new URL("../fixtures/slow-start.ts", import.meta.url).href;
  const starting = stage.machineProcess({ module, env: { START_LOG: log } });
  const [first = 0] = await until(() => (pids().length > 0 ? pids() : undefined), { what: "a child" });
  process.kill(first, "SIGKILL");
  await until(() => pids().length > 1, { what: "another child" });
  writeFileSync(`${log}.gate`, "");
  const machine = await starting;
  const pool = stage.pool<typeof tasks>();
  expect(await pool.map("work", new RunLog().items(3))).toEqual(doubled(3));
  // Nor is it when it has become ready before.
  rmSync(`${log}.gate`);
  process.kill(machine.children[0] ?? 0, "SIGKILL");
  process.kill(await until(() => pids()[2], { what: "a third child" }), "SIGKILL");
  await until(() => pids()[3], { what: "a fourth child" });
  const waiting = pool.map("work", new RunLog().items(3));
  writeFileSync(`${log}.gate`, "");
  expect(await waiting).toEqual(doubled(3));
});

test("row 5: a heap that is exhausted ends in an error that says so", async () => {
  const stage = new FaultStage(redis());
  const log = new RunLog();
  await stage.machineProcess({ env: { NODE_OPTIONS: "--max-old-space-size=32" }, workerLossAttempts: 2 });
  const pool = stage.pool<typeof tasks>();
  const items = log.items(20).map((item) => (item.x === 7 ? { ...item, how: "heap" as const } : item));
  const map = new Watched((options) => pool.map("poison", items, options));
  await expectWhole(
    map,
    doubled(20).map((value, x) => (x === 7 ? new Failing("WORKER_LOST") : value)),
  );
  expect(await rejection(map.result)).toMatchObject({ outOfMemory: true, losses: 2, remote: { index: 7 } });
  expect(log.runsOf(7)).toHaveLength(2);
  expect(log.reruns).toBe(1);
  figure(5, "runs of the item until its error", log.runsOf(7).length, "");
});

test("row 7: poison items end in a typed error after three losses; the rest is delivered, uncharged", async () => {
  const stage = new FaultStage(redis());
  await stage.machineProcess({ processes: 2 });
  const pool = stage.pool<typeof tasks>();
  const warm = new RunLog();
  // So that the machine has learned to fill its pipes, and innocent items wait behind the poison.
  await pool.map("poison", warm.items(300));
  const log = new RunLog();
  const hows = new Map([
    [10, "SIGKILL"],
    [150, "exit"],
  ] as const);
  const items = log.items(300).map((item) => ({ ...item, how: hows.get(item.x as 10) }));
  const map = new Watched((options) =>
    pool.map("poison", items as Parameters<typeof tasks.poison>[0][], options),
  );
  await expectWhole(
    map,
    doubled(300).map((value, x) => (hows.has(x as 10) ? new Failing("WORKER_LOST") : value)),
  );
  for (const index of hows.keys()) expect(log.runsOf(index)).toHaveLength(3);
  // What had ended before the process was gone has been told, and what only waited was not begun.
  expect(log.reruns).toBe(4);
  figure(7, "processes lost to a poison item", log.runsOf(10).length, "");
  figure(7, "innocent items that ran again", log.reruns - 4, "");
});

test("row 8: an endless loop is ended by its time limit", async () => {
  const stage = new FaultStage(redis());
  const log = new RunLog();
  await stage.machineProcess({ killGraceMs: 100 });
  const pool = stage.pool<typeof tasks>();
  const overshootMs: number[] = [];
  const watched = new Watched((options) => pool.map("work", log.items(5, { ms: 20 }), options));
  for (let round = 0; round < 3; round++) {
    const own = new RunLog();
    const error = await rejection(pool.map("endless", own.items(1), { taskTimeoutMs: 300 }));
    const endedAt = wallNow();
    expect(error).toMatchObject({ code: "TASK_TIMEOUT" });
    const [run] = own.executions;
    expect(own.executions).toHaveLength(1);
    overshootMs.push(endedAt - (run?.startedAt ?? 0) - 300);
  }
  await expectWhole(watched, doubled(5));
  // The function is asked to stop first, and given `killGraceMs` for it.
  expect(Math.max(...overshootMs)).toBeLessThan(100 + 1_000);
  figure(8, "error after the time limit, with 100 ms of grace", percentile(overshootMs, 0.5), "ms");
});

test("row 9: synchronous work ten times longer than the lock runs once", async () => {
  const stage = new FaultStage(redis());
  const log = new RunLog();
  await Promise.all([1, 2].map(() => stage.machineProcess(SHORT_LOCKS)));
  const pool: Pool<typeof tasks> = stage.pool<typeof tasks>();
  const ms = 10 * SHORT_LOCKS.lockDurationMs;
  const map = new Watched((options) => pool.map("spin", log.items(1, { ms }), options));
  await expectWhole(map, doubled(1));
  expect(log.executions).toHaveLength(1);
  figure(9, "runs beyond the first", log.reruns, "");
});
