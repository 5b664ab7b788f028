/** A `mapReduce` that loses a process, a machine or all of Redis while results are folded: each item is in the value once. */

import { expect, onTestFinished, test } from "vitest";

import type { ReduceResult } from "@poolmq/producer";

import type * as tasks from "../fixtures/fault-tasks.ts";
import { FAULT_TASKS, FaultStage, RunLog, SHORT_LOCKS } from "../support/fault-stage.ts";
import type { MachineProcess } from "../support/fault-stage.ts";
import { redisForFile, RedisServer } from "../support/redis-server.ts";
import { until } from "../support/until.ts";

const redis = redisForFile();

const ITEMS = 60;
const CHUNK = 10;
const PLACES = 2;

interface MidChunk {
  readonly stage: FaultStage;
  readonly log: RunLog;
  readonly machine: MachineProcess;
  readonly value: ReduceResult<number[]>;
}

/** Begins a fold, and waits until each process has folded half of a chunk, and waits at the gate. */
async function foldToMidChunk(server: RedisServer, taskTimeoutMs?: number): Promise<MidChunk> {
  const stage = new FaultStage(server);
  const log = new RunLog();
  const machine = await stage.machineProcess({ processes: PLACES, ...SHORT_LOCKS });
  const pool = stage.pool<typeof tasks>({ tasks: FAULT_TASKS });
  await pool.ready(PLACES);
  const options = { chunksize: CHUNK, ordered: true, taskTimeoutMs };
  const value = pool.mapReduce("listed", log.items(ITEMS), "append", options);
  const atGate = (): number => log.executions.filter(({ index }) => index % CHUNK === 5).length;
  await until(() => atGate() === PLACES, { what: "each process to be in the middle of a chunk" });
  return { stage, log, machine, value };
}

const WHOLE = Array.from({ length: ITEMS }, (_, x) => x);

test.for([undefined, 60_000])(
  "a process that is killed in the middle of a chunk takes nothing with it (time limit: %s)",
  async (taskTimeoutMs) => {
    const { log, machine, value } = await foldToMidChunk(redis(), taskTimeoutMs);
    process.kill(machine.children[0] ?? 0, "SIGKILL");
    await until(() => log.reruns > 0, { what: "an item to run again" });
    log.open();
    expect(await value).toEqual(WHOLE);
  },
);

test("a machine that is killed in the middle of its chunks takes nothing with it", async () => {
  const { stage, log, machine, value } = await foldToMidChunk(redis());
  await machine.kill();
  await stage.machineProcess({ processes: PLACES, ...SHORT_LOCKS });
  log.open();
  expect(await value).toEqual(WHOLE);
  expect(log.reruns).toBeGreaterThanOrEqual(PLACES * 6);
});

test("a Redis that is emptied in the middle of the map neither loses nor doubles an item", async () => {
  const server = await RedisServer.start();
  onTestFinished(() => server.stop());
  const { log, value } = await foldToMidChunk(server);
  await server.admin.flushall();
  log.open();
  expect(await value).toEqual(WHOLE);
});
