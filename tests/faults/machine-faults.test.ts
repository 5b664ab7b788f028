/** Machines that are lost, frozen or not there yet. Rows 3, 4, 10 and 31. */

import { expect, onTestFinished, test } from "vitest";

import { FRESH_MS } from "@poolmq/shared/redis";

import type * as tasks from "../fixtures/fault-tasks.ts";
import {
  doubled,
  expectWhole,
  FaultStage,
  figure,
  percentile,
  RunLog,
  SHORT_LOCKS,
  wallNow,
  Watched,
} from "../support/fault-stage.ts";
import type { MachineProcess } from "../support/fault-stage.ts";
import { outcomesIn } from "../support/outcomes-in.ts";
import { isRunning } from "../support/processes.ts";
import { redisForFile } from "../support/redis-server.ts";
import { rejection } from "../support/stage.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { until } from "../support/until.ts";

const redis = redisForFile();

test("row 3: a killed machine's items run again within its lock and the stalled interval", async () => {
  const stage = new FaultStage(redis());
  const log = new RunLog();
  const count = 40;
  const lost = await stage.machineProcess({ concurrency: count, ...SHORT_LOCKS });
  const pool = stage.pool<typeof tasks>();
  const map = new Watched((options) => pool.map("gated", log.items(count), options));
  await log.started(count);
  await stage.machineProcess({ concurrency: count, ...SHORT_LOCKS });
  const killedAt = wallNow();
  await lost.kill();
  await log.started(2 * count);
  log.open();
  await expectWhole(map, doubled(count));
  const recoveredMs = log.executions.slice(count).map(({ startedAt }) => startedAt - killedAt);
  expect(log.reruns).toBe(count);
  const promisedMs = SHORT_LOCKS.lockDurationMs + SHORT_LOCKS.stalledIntervalMs;
  expect(Math.max(...recoveredMs)).toBeLessThan(promisedMs + 1_500);
  figure(3, `recovery, p50, of ${promisedMs} ms lock and interval`, percentile(recoveredMs, 0.5), "ms");
  figure(3, `recovery, p99, of ${promisedMs} ms lock and interval`, percentile(recoveredMs, 0.99), "ms");
});

test("row 4: a child that loops for ever ends by itself when its supervisor is gone", async () => {
  const stage = new FaultStage(redis());
  const log = new RunLog();
  const machine = await stage.machineProcess({ processes: 2 });
  const pool = stage.pool<typeof tasks>();
  const endless = pool.map("endless", log.items(2));
  await log.started(2);
  const orphans = machine.children;
  expect(orphans).toHaveLength(2);
  const killedAt = performance.now();
  machine.program.kill("SIGKILL");
  await until(() => !orphans.some(isRunning), { what: "the orphans to end", timeoutMs: 2_000, everyMs: 2 });
  const ms = performance.now() - killedAt;
  // A second is promised; a machine that is busy with other tests gets one more.
  figure(4, "end of an orphan in an endless loop", ms, "ms");
  await pool.terminate();
  expect(await rejection(endless)).toMatchObject({ code: "CANCELLED" });
});

test("a killed machine's permits of a limit by key go to others, and never more items run than it allows", async () => {
  const stage = new FaultStage(redis());
  const log = new RunLog();
  const limit = { key: "service", concurrency: 3 };
  const lost = await stage.machineProcess({ concurrency: 5, ...SHORT_LOCKS });
  const pool = stage.pool<typeof tasks>();
  const map = new Watched((options) => pool.map("gated", log.items(8), { limit, ...options }));
  await log.started(3);
  await stage.machineProcess({ concurrency: 5, ...SHORT_LOCKS });
  await lost.kill();
  await log.started(6);
  // Those that wait come back each second at the latest, and find no permit.
  const line = stage.keys.limitWaiting("service");
  const places = async (): Promise<number> =>
    Number(await redis().admin.hget(stage.keys.limit("service"), "seq"));
  const before = await places();
  await until(async () => (await places()) >= before + 2, { what: "those in line to have come back" });
  expect(log.executions).toHaveLength(6);
  log.open();
  await expectWhole(map, doubled(8));
  expect(await redis().admin.hlen(stage.keys.limitHeld("service"))).toBe(0);
  expect(await redis().admin.zcard(line)).toBe(0);
});

test("row 10: a machine that was frozen for two locks: others run its items, each late outcome is dropped", async () => {
  const stage = new FaultStage(redis());
  const log = new RunLog();
  const held = new RunLog();
  const frozen = await stage.machineProcess({ concurrency: 4, ...SHORT_LOCKS });
  onTestFinished(() => {
    if (isRunning(frozen.program.pid)) frozen.signalAll("SIGCONT");
  });
  const pool = stage.pool<typeof tasks>();
  // The last item's gate stays shut, so that the map is still wanted when the late outcomes come. It is not on the
  // machine that freezes, which has four places.
  const items = log.items(5).map((item) => (item.x === 4 ? { ...item, gate: held.gate } : item));
  const map = new Watched((options) => pool.map("gated", items, options));
  await log.started(4);
  frozen.signalAll("SIGSTOP");
  const frozenAt = performance.now();
  await stage.machineProcess({ concurrency: 8, ...SHORT_LOCKS });
  await log.started(9);
  const foreverMs = 2 * SHORT_LOCKS.lockDurationMs;
  await until(() => performance.now() - frozenAt > foreverMs, { what: "two locks to expire" });
  log.open();
  await map.done(4);
  const outcomes = async (): Promise<number> =>
    outcomesIn(await redis().admin.xrange(stage.keys.out(map.result.id), "-", "+")).length;
  expect(await outcomes()).toBe(4);
  frozen.signalAll("SIGCONT");
  // In good order: it has published what it ran, and nobody took it.
  await frozen.close();
  expect(await outcomes()).toBe(4);
  held.open();
  await expectWhole(map, doubled(5));
  expect(log.executions).toHaveLength(9);
  figure(10, "re-runs of 4 items that were on the frozen machine", log.reruns, "");
});

test("row 31: without workers a map waits and says so; late ones serve it", async () => {
  const stage = new FaultStage(redis());
  const log = new RunLog();
  const { promise: said, resolve } = Promise.withResolvers<string>();
  const onWarning = ({ message }: Error): void => {
    if (message.includes(stage.queue)) resolve(message);
  };
  process.on("warning", onWarning);
  onTestFinished(() => void process.off("warning", onWarning));
  const calledAt = performance.now();
  const pool = stage.pool<typeof tasks>();
  const map = new Watched((options) => pool.map("work", log.items(50), options));
  expect(await said).toMatch(/No worker serves queue .* Start one with: npx poolmq worker/);
  figure(31, "until the pool says that it waits", performance.now() - calledAt, "ms");
  expect(map.result.progress.done).toBe(0);
  await stage.machineProcess();
  await expectWhole(map, doubled(50));
  expect(log.reruns).toBe(0);
});

/** A queue with two idle machines, of which the first was busy last, so that it is handed the next call. */
async function twoIdleMachines(): Promise<{
  readonly stage: FaultStage;
  readonly log: RunLog;
  readonly first: MachineProcess;
  readonly proxy: TcpProxy;
  readonly pool: ReturnType<typeof FaultStage.prototype.pool<typeof tasks>>;
  call(): Promise<number>;
  /** Whether the first machine is among those that are handed calls. */
  isFirstIdle(): Promise<boolean>;
}> {
  const stage = new FaultStage(redis());
  const log = new RunLog();
  const proxy = await TcpProxy.start(redis());
  onTestFinished(() => proxy.stop());
  // Locks that last much longer than the test may: what waited for one to expire would not end.
  const locks = { lockDurationMs: 600_000 };
  const first = await stage.machineProcess({ ...locks, connection: proxy.url });
  const pool = stage.pool<typeof tasks>();
  const [item] = log.items(1);
  if (item === undefined) throw new Error("unreachable: one item was asked for");
  const call = async (): Promise<number> => await pool.apply("work", [item]);
  await call();
  const idle = async (): Promise<string[]> => await redis().admin.zrange(stage.keys.idle, "0", "-1");
  const isFirstIdle = async (): Promise<boolean> =>
    (await idle()).some((machine) => machine.includes(`-${first.program.pid}-`));
  await until(isFirstIdle, { what: "the first machine to wait" });
  await stage.machineProcess(locks);
  await until(async () => (await idle()).length === 2, { what: "both machines to wait" });
  return { stage, log, first, proxy, pool, call, isFirstIdle };
}

test.for<{ how: string; lose: (first: MachineProcess, proxy: TcpProxy) => unknown }>([
  { how: "froze", lose: (first) => first.signalAll("SIGSTOP") },
  { how: "was killed", lose: (first) => first.kill() },
  { how: "was cut off", lose: (_, proxy) => proxy.drop() },
])(
  "a call that was handed to a machine that $how is taken back, runs once elsewhere, and is not charged",
  async ({ lose }) => {
    const { log, first, proxy, call, isFirstIdle } = await twoIdleMachines();
    onTestFinished(() => {
      if (isRunning(first.program.pid)) first.signalAll("SIGCONT");
    });
    const { children } = first;
    await lose(first, proxy);
    expect(await call()).toBe(0);
    expect(await isFirstIdle()).toBe(false);
    expect(log.executions).toHaveLength(2);
    const [, last] = log.executions;
    expect(children).not.toContain(last?.pid);
    expect(last?.attempt).toBe(1);
  },
);

test("a machine that was frozen does not run the call that it was handed when it comes back", async () => {
  const { stage, log, first, call, isFirstIdle } = await twoIdleMachines();
  onTestFinished(() => {
    if (isRunning(first.program.pid)) first.signalAll("SIGCONT");
  });
  first.signalAll("SIGSTOP");
  await call();
  first.signalAll("SIGCONT");
  await until(isFirstIdle, { what: "the machine to wait again", timeoutMs: 20_000 });
  await first.close();
  expect(log.executions).toHaveLength(2);
  expect(await redis().admin.exists(stage.keys.job("active"), stage.keys.job("wait"))).toBe(0);
});

test("a pool that closes while a frozen machine has its call takes the call back, and gives its result", async () => {
  const { stage, log, first, pool, call } = await twoIdleMachines();
  onTestFinished(() => {
    if (isRunning(first.program.pid)) first.signalAll("SIGCONT");
  });
  const { children } = first;
  first.signalAll("SIGSTOP");
  const called = call();
  await until(async () => (await redis().admin.exists(stage.keys.job("active"))) === 1, {
    what: "the call to be handed over",
  });
  pool.close();
  expect(await called).toBe(0);
  await pool.join();
  expect(log.executions).toHaveLength(2);
  expect(children).not.toContain(log.executions[1]?.pid);
});

test("a call of a pool that was terminated is not run by the frozen machine that it was handed to", async () => {
  const { stage, log, first, pool, call, isFirstIdle } = await twoIdleMachines();
  onTestFinished(() => {
    if (isRunning(first.program.pid)) first.signalAll("SIGCONT");
  });
  first.signalAll("SIGSTOP");
  const called = rejection(call());
  const handedAt = await until(
    async () => {
      const [id = ""] = await redis().admin.lrange(stage.keys.job("active"), 0, 0);
      return await redis().admin.hget(stage.keys.job(id), "processedOn");
    },
    { what: "the call to be handed over" },
  );
  // One that comes back sooner would begin it before it hears that it is cancelled.
  await until(() => Date.now() - Number(handedAt) > FRESH_MS, { what: "the machine to be late" });
  await pool.terminate();
  expect(await called).toMatchObject({ code: "CANCELLED" });
  first.signalAll("SIGCONT");
  await until(isFirstIdle, { what: "the machine to wait again", timeoutMs: 20_000 });
  await first.close();
  expect(log.executions).toHaveLength(1);
  expect(await redis().admin.exists(stage.keys.job("active"), stage.keys.job("wait"))).toBe(0);
});

test("a machine that ends is handed no more calls", async () => {
  const { log, first, call, isFirstIdle } = await twoIdleMachines();
  const { children } = first;
  await first.close();
  expect(await isFirstIdle()).toBe(false);
  await call();
  expect(log.executions).toHaveLength(2);
  expect(children).not.toContain(log.executions[1]?.pid);
});
