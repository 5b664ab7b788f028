/** Producers that die, are blocked, or are not understood by their workers. Rows 13, 14 and 30. */

import { fileURLToPath } from "node:url";

import { expect, onTestFinished, test } from "vitest";

import { block } from "../fixtures/block.ts";
import type * as tasks from "../fixtures/fault-tasks.ts";
import {
  doubled,
  FaultStage,
  expectWhole,
  figure,
  RunLog,
  RUNS_LONG,
  Watched,
} from "../support/fault-stage.ts";
import { Program } from "../support/processes.ts";
import { redisForFile } from "../support/redis-server.ts";
import { rejection } from "../support/stage.ts";

const redis = redisForFile();
const PRODUCER = new URL("../fixtures/fault-producer.ts", import.meta.url);

test.for([25, 50, 75])(
  "row 13: a producer that is killed at %i percent: attach() gives the full result, once and in order",
  async (percent) => {
    const stage = new FaultStage(redis());
    const log = new RunLog();
    await stage.machineProcess();
    const count = 400;
    const producer = Program.file(PRODUCER, {
      args: [redis().url, stage.queue, "m", log.log, String(count)],
    });
    onTestFinished(() => producer[Symbol.asyncDispose]());
    await producer.line(/enqueued/);
    await log.started((count * percent) / 100);
    producer.kill("SIGKILL");
    await producer.exited;
    const pool = stage.pool<typeof tasks>();
    expect(await pool.attach("m")).toEqual(doubled(count));
    figure(13, `items run again after a kill at ${percent} %`, log.reruns, "");
    expect(log.reruns).toBe(0);
  },
);

test(
  "row 14: a producer whose event loop is blocked for seconds catches up, with nothing lost",
  { timeout: 120_000 },
  async () => {
    const [seconds, count] = RUNS_LONG ? [30, 20_000] : [3, 5_000];
    const stage = new FaultStage(redis());
    const log = new RunLog();
    await stage.machineProcess();
    const pool = stage.pool<typeof tasks>();
    const map = new Watched<number>((options) => pool.map("work", log.items(count), options));
    await map.done(100);
    block(seconds * 1_000);
    const end = performance.now();
    await expectWhole(map, doubled(count));
    figure(
      14,
      `complete after a block of ${seconds} s, ${count.toLocaleString("en")} items`,
      (performance.now() - end) / 1_000,
      "s",
    );
    expect(log.reruns).toBe(0);
  },
);

test("row 30: a producer and workers with different functions: a typed error, and no wrong run", async () => {
  const stage = new FaultStage(redis());
  const log = new RunLog();
  const other = new URL("../fixtures/one-task.ts", import.meta.url);
  await stage.machineProcess({ module: fileURLToPath(other) });
  const pool = stage.pool<typeof tasks>();
  expect(await rejection(pool.map("work", log.items(3)))).toMatchObject({ code: "TASK_NOT_REGISTERED" });
  // Where some have it, they serve it.
  await stage.machineProcess();
  const map = new Watched((options) => pool.map("work", log.items(100), options));
  await expectWhole(map, doubled(100));
  expect(log.executions).toHaveLength(100);
  figure(30, "runs of a wrong function", 0, "");
});
