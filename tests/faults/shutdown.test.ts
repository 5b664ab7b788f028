/** Machines that are told to stop. Rows 28 and 29. */

import { fileURLToPath } from "node:url";

import { expect, onTestFinished, test } from "vitest";

import type * as tasks from "../fixtures/fault-tasks.ts";
import {
  doubled,
  expectWhole,
  FAULT_TASKS,
  FaultStage,
  figure,
  percentile,
  RunLog,
  Watched,
} from "../support/fault-stage.ts";
import { isRunning, Program } from "../support/processes.ts";
import { RedisServer } from "../support/redis-server.ts";
import { within } from "../support/until.ts";

const CLI = new URL("../../packages/worker/src/cli.ts", import.meta.url);

/** The command that users and containers run. */
async function poolmqWorker(redis: RedisServer, queue: string, ...args: string[]): Promise<Program> {
  const at = ["--redis", redis.url, "--queue", queue, "--processes", "1"];
  const program = Program.file(CLI, { args: ["worker", fileURLToPath(FAULT_TASKS), ...at, ...args] });
  onTestFinished(() => program[Symbol.asyncDispose]());
  await program.line(/worker machine ready/);
  return program;
}

async function startRedis(): Promise<RedisServer> {
  const redis = await RedisServer.start();
  onTestFinished(() => redis.stop());
  return redis;
}

test("row 28: machines that are replaced one after the other under load run nothing again", async () => {
  const redis = await startRedis();
  const stage = new FaultStage(redis);
  const log = new RunLog();
  const fleet = await Promise.all([0, 1].map(() => poolmqWorker(redis, stage.queue)));
  // The load lasts as long as the machines take, however fast they are.
  let over = false;
  let count = 0;
  function* load(): Generator<{ log: string; gate: string; x: number }> {
    for (; !over; count++) yield { log: log.log, gate: log.gate, x: count };
  }
  // Not one long task: what runs, what waits in a pipe and what is held ahead must all be in hand at the signal.
  const pool = stage.pool<typeof tasks>({ window: 500 });
  const map = new Watched((options) => pool.map("work", load(), options));
  await map.done(500);
  const drainMs: number[] = [];
  for (const [place, old] of fleet.entries()) {
    const done = map.result.progress.done;
    const next = await poolmqWorker(redis, stage.queue);
    const toldAt = performance.now();
    old.kill("SIGTERM");
    expect(await within(10_000, "the old machine's end", old.exited)).toEqual({ code: 0, signal: null });
    drainMs.push(performance.now() - toldAt);
    fleet[place] = next;
    await map.done(done + 500);
  }
  over = true;
  await map.result.wait();
  await expectWhole(map, doubled(count));
  expect(log.reruns).toBe(0);
  figure(28, "items run again in a rolling restart", log.reruns, "");
  figure(28, "drain of a machine under load", percentile(drainMs, 0.5), "ms");
});

test("row 29: a machine that is told to stop while Redis is down exits by its deadline", async () => {
  const redis = await startRedis();
  const stage = new FaultStage(redis);
  const log = new RunLog();
  const deadlineMs = 1_000;
  const program = await poolmqWorker(redis, stage.queue, "--shutdown-timeout-ms", String(deadlineMs));
  const pool = stage.pool<typeof tasks>();
  void pool.map("gated", log.items(1)).wait();
  const [run] = await log.started(1);
  await redis.kill();
  const toldAt = performance.now();
  program.kill("SIGTERM");
  expect(await within(deadlineMs + 5_000, "its end", program.exited)).toEqual({ code: 0, signal: null });
  figure(
    29,
    `exit with Redis down, deadline ${deadlineMs / 1_000} s`,
    (performance.now() - toldAt) / 1_000,
    "s",
  );
  expect(isRunning(run?.pid ?? 0)).toBe(false);
});
