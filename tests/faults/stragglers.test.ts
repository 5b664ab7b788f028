/**
 * Backup runs of stragglers: what a frozen or a slow machine holds is run by another one long before the lock expires,
 * which it does not do in these tests.
 */

import { expect, onTestFinished, test } from "vitest";

import type * as tasks from "../fixtures/fault-tasks.ts";
import { doubled, expectWhole, FaultStage, RunLog, SHORT_LOCKS, Watched } from "../support/fault-stage.ts";
import type { MachineProcess } from "../support/fault-stage.ts";
import { isRunning } from "../support/processes.ts";
import { redisForFile } from "../support/redis-server.ts";
import { until } from "../support/until.ts";

const redis = redisForFile();

/** Nobody takes over what such a machine holds. */
const LONG_LOCKS = { lockDurationMs: 300_000 } as const;

const speculate = { factor: 3, minMs: 100 } as const;

/** How many outcomes of the map came from the processes of this machine. */
function wonBy(map: Watched<number>, machine: MachineProcess): number {
  const { processes } = map.result.insights();
  const ours = processes.filter(({ worker }) => worker.includes(`-${machine.program.pid}-`));
  return ours.reduce((sum, { items }) => sum + items, 0);
}

function thawed(machine: MachineProcess): void {
  onTestFinished(() => {
    if (isRunning(machine.program.pid)) machine.signalAll("SIGCONT");
  });
}

test("a frozen machine's items are run by another one, and their late runs are stopped", async () => {
  const stage = new FaultStage(redis());
  const [log, held] = [new RunLog(), new RunLog()];
  const frozen = await stage.machineProcess({ processes: 2, ...LONG_LOCKS });
  thawed(frozen);
  const pool = stage.pool<typeof tasks>();
  const all = log.items(12).map((item) => (item.x < 2 ? { ...item, gate: held.gate } : item));
  const map = new Watched<number>((options) => pool.map("gated", all, { ...options, speculate }));
  await log.started(2);
  frozen.signalAll("SIGSTOP");
  const other = await stage.machineProcess({ processes: 2, ...LONG_LOCKS });
  log.open();
  await map.done(10);
  // The two that the frozen machine holds were begun again, and wait for their gate there.
  await log.started(14);
  held.open();
  await expectWhole(map, doubled(12));
  expect(wonBy(map, other)).toBe(12);
  expect(wonBy(map, frozen)).toBe(0);
  expect(map.result.insights()).toMatchObject({ losses: 0, retries: 0, backups: { started: 2, won: 2 } });
  frozen.signalAll("SIGCONT");
  const { admin } = redis();
  const active = async (): Promise<boolean> => (await admin.llen(stage.keys.job("active"))) === 0;
  await until(active, { what: "the machine to let go of what it held" });
  await frozen.close();
});

test("a frozen process's item is run by its neighbour on the same machine", async () => {
  const stage = new FaultStage(redis());
  const [log, held] = [new RunLog(), new RunLog()];
  const machine = await stage.machineProcess({ processes: 2, ...LONG_LOCKS });
  const pool = stage.pool<typeof tasks>();
  const all = log.items(8).map((item) => (item.x === 0 ? { ...item, gate: held.gate } : item));
  const map = new Watched<number>((options) => pool.map("gated", all, { ...options, speculate }));
  await log.started(2);
  const [{ pid } = { pid: 0 }] = log.runsOf(0);
  process.kill(pid, "SIGSTOP");
  log.open();
  await until(() => log.runsOf(0).length === 2, { what: "the item to be begun again" });
  held.open();
  await expectWhole(map, doubled(8));
  expect(log.runsOf(0)[1]?.pid).not.toBe(pid);
  const { losses, retries, backups } = map.result.insights();
  expect({ losses, retries }).toEqual({ losses: 0, retries: 0 });
  // On a busy computer, other items may take long enough for a backup too.
  expect(backups.started).toBeGreaterThanOrEqual(1);
  expect(backups.won).toBeGreaterThanOrEqual(1);
  // As after a cancel: a process that does not heed the signal is killed.
  await until(() => !isRunning(pid), { what: "the frozen process to be killed" });
  await machine.close();
});

test("what a slow machine began last is done by a fast one, of a durable and signed map too", async () => {
  const stage = new FaultStage(redis());
  const signingKey = "k".repeat(32);
  const machine = { processes: 2, signingKey, ...LONG_LOCKS };
  const log = new RunLog();
  const slow = await stage.machineProcess(machine, { env: { POOLMQ_TASK_SLOW: "1" } });
  const pool = stage.pool<typeof tasks>({ signingKey });
  const map = new Watched<number>((options) =>
    pool.map("slowSomewhere", log.items(20), { ...options, speculate, mapId: stage.queue }),
  );
  await log.started(2);
  const fast = await stage.machineProcess(machine);
  await expectWhole(map, doubled(20));
  expect([wonBy(map, slow), wonBy(map, fast)]).toEqual([0, 20]);
  expect(map.result.insights().backups).toEqual({ started: 2, won: 2 });
  await Promise.all([slow.close(), fast.close()]);
});

test("a machine that dies right after it gave items back loses none, and nothing is told twice", async () => {
  const stage = new FaultStage(redis());
  const log = new RunLog();
  const signingKey = "k".repeat(32);
  const dying = await stage.machineProcess({ processes: 1, signingKey, ...SHORT_LOCKS });
  const pool = stage.pool<typeof tasks>({ signingKey });
  const map = new Watched<number>((options) =>
    pool.map("gated", log.items(12), { ...options, chunksize: 12 }),
  );
  await log.started(1);
  const other = await stage.machineProcess({ processes: 2, signingKey, ...SHORT_LOCKS });
  // The second machine has begun items of the one chunk that there was: they were given back.
  await until(() => new Set(log.executions.map(({ pid }) => pid)).size > 1, { what: "items to be shared" });
  await dying.kill();
  log.open();
  await expectWhole(map, doubled(12));
  expect(wonBy(map, other)).toBe(12);
});
