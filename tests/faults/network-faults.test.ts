/** A network between a producer, a machine and Redis that loses, delays and lies. Rows 20 to 24. */

import { queueKeys } from "@poolmq/shared/redis";
import { describe, expect, onTestFinished, test } from "vitest";

import type * as tasks from "../fixtures/fault-tasks.ts";
import {
  doubled,
  expectWhole,
  FaultStage,
  figure,
  RunLog,
  SHORT_LOCKS,
  Watched,
} from "../support/fault-stage.ts";
import { isRunning } from "../support/processes.ts";
import { redisForFile } from "../support/redis-server.ts";
import { rejection } from "../support/stage.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { until } from "../support/until.ts";
import { isCompletion } from "../support/worker-commands.ts";

const redis = redisForFile();

async function startProxy(): Promise<TcpProxy> {
  const proxy = await TcpProxy.start(redis());
  onTestFinished(() => proxy.stop());
  return proxy;
}

const isScript = ([name = ""]: readonly string[]): boolean => /^evalsha$/i.test(name);

test("row 20: a completion whose reply is lost: the job that it fetched is found again", async () => {
  const proxy = await startProxy();
  const stage = new FaultStage(proxy);
  const log = new RunLog();
  await stage.machineProcess({ concurrency: 4, ...SHORT_LOCKS });
  const pool = stage.pool<typeof tasks>({ connection: redis().url });
  const map = new Watched<number>((options) => pool.map("work", log.items(300, { ms: 2 }), options));
  await map.done(20);
  const hit = proxy.meddle(isCompletion, { loseReply: true }, 3);
  await hit;
  const since = performance.now();
  await expectWhole(map, doubled(300));
  figure(20, "complete after the last of three lost replies", performance.now() - since, "ms");
  figure(20, "items run again, of 300", log.reruns, "");
});

const BUSY = "-BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.";

describe("row 21", () => {
  test.for([
    "-LOADING Redis is loading the dataset in memory",
    "-READONLY You can't write against a read only replica.",
    BUSY,
  ])("one reply %j to a script: nothing is marked failed", async (answer) => {
    const proxy = await startProxy();
    const stage = new FaultStage(proxy);
    const log = new RunLog();
    await stage.machineProcess({ concurrency: 4 });
    const pool = stage.pool<typeof tasks>();
    const map = new Watched<number>((options) => pool.map("work", log.items(300, { ms: 2 }), options));
    await map.done(20);
    await proxy.meddle(isScript, { answer });
    await proxy.meddle(isCompletion, { answer });
    await expectWhole(map, doubled(300));
    expect(map.result.progress.failed).toBe(0);
    figure(21, `false failures after one ${answer.slice(1, 9)}`, map.result.progress.failed, "");
    figure(21, `items run again after one ${answer.slice(1, 9)}, of 300`, log.reruns, "");
  });

  test("a machine that starts or comes back while a script keeps Redis busy waits, and hears its orders", async () => {
    const proxy = await startProxy();
    const stage = new FaultStage(redis());
    const isSubscribe = ([name = ""]: readonly string[]): boolean => /^subscribe$/i.test(name);
    // The first two tell the connections that Redis is ready.
    let infos = 0;
    const isCheck = ([name = ""]: readonly string[]): boolean => /^info$/i.test(name) && ++infos > 2;
    const refused = [proxy.meddle(isCheck, { answer: BUSY }, 2), proxy.meddle(isSubscribe, { answer: BUSY })];
    const machine = await stage.machine({ connection: proxy.url });
    await Promise.all(refused);
    const again = proxy.meddle(isSubscribe, { answer: BUSY });
    proxy.cut();
    await again;
    const { control } = queueKeys(stage.queue);
    const hearers = async (): Promise<unknown> => {
      const [, count] = (await redis().admin.pubsub("NUMSUB", control)) as [string, unknown];
      return count;
    };
    await until(async () => Number(await hearers()) === 1, { what: "the machine to listen" });
    expect(machine.pids).toHaveLength(1);
  });
});

test("row 67: whatever a machine and a pool ask at their start, they ask again if a script keeps Redis busy", async () => {
  const proxy = await startProxy();
  const stage = new FaultStage(redis());
  const handshake = /^(hello|client|auth|select|info|ping)$/i;
  const refused = new Set<string>();
  // The first command of each kind, and the first call of each script.
  const isFirst = ([name = "", ...args]: readonly string[]): boolean => {
    const kind = /^eval/i.test(name) ? (args[0] ?? "") : `${name} ${args[0]}`;
    if (handshake.test(name) || refused.has(kind)) return false;
    refused.add(kind);
    return true;
  };
  void proxy.meddle(isFirst, { answer: BUSY }, Infinity);
  const map = stage.pool({ connection: proxy.url }).map("increment", [1, 2, 3]);
  await stage.machine({ connection: proxy.url });
  expect(await map).toEqual([2, 3, 4]);
  expect(refused.size).toBeGreaterThan(10);
});

test("row 22: connections that are reset in the middle of enqueuing leave no gap and no duplicate", async () => {
  const proxy = await startProxy();
  const stage = new FaultStage(redis());
  const log = new RunLog();
  const pool = stage.pool<typeof tasks>({ connection: proxy.url });
  const count = 1_500;
  let adds = 0;
  let cuts = 0;
  // Only what adds jobs, a hundred at a time, holds their arguments.
  const isAdd = (command: readonly string[]): boolean =>
    isScript(command) && command.join(" ").includes(log.log);
  void proxy.meddle(
    (command) => {
      if (!isAdd(command)) return false;
      adds++;
      // After Redis has got some of a burst and not the rest.
      if (adds % 5 === 3 && cuts < 3) {
        cuts++;
        setImmediate(() => proxy.cut());
      }
      return false;
    },
    { loseReply: true },
  );
  const map = new Watched<number>((options) => pool.map("work", log.items(count), options));
  await stage.machineProcess({ concurrency: 4 });
  await expectWhole(map, doubled(count));
  expect(cuts).toBe(3);
  expect(log.reruns).toBe(0);
  figure(22, "commands repeated after 3 cuts, of 15", adds - count / 100, "");
});

test("row 23: latency, jitter and little bandwidth make it slower, and nothing else", async () => {
  const proxy = await startProxy();
  const stage = new FaultStage(proxy);
  const log = new RunLog();
  await stage.machineProcess({ concurrency: 16 });
  const pool = stage.pool<typeof tasks>();
  await pool.map("work", new RunLog().items(10));
  proxy.shape({ delayMs: 20, jitterMs: 20, bytesPerSecond: 500_000 });
  const since = performance.now();
  const map = new Watched<number>((options) => pool.map("work", log.items(400), options));
  await expectWhole(map, doubled(400));
  figure(
    23,
    "at 20 ms + 20 ms jitter each way and 500 kB/s",
    400_000 / (performance.now() - since),
    "items/s",
  );
  expect(log.reruns).toBe(0);
});

test("row 24: a half-open link is noticed, and made anew", { timeout: 60_000 }, async () => {
  const proxy = await startProxy();
  const stage = new FaultStage(proxy);
  const log = new RunLog();
  await stage.machineProcess({ concurrency: 4, ...SHORT_LOCKS });
  const pool = stage.pool<typeof tasks>();
  const map = new Watched<number>((options) => pool.map("work", log.items(2_000, { ms: 2 }), options));
  await map.done(100);
  // Every connection of now is dead, and nobody is told.
  proxy.drop();
  proxy.restore();
  const since = performance.now();
  await expectWhole(map, doubled(2_000));
  figure(24, "complete after all links were half-open", (performance.now() - since) / 1_000, "s");
  figure(24, "items run again, of 2,000", log.reruns, "");
});

test("a machine that was cut off while a map was cancelled stops what it runs of it once it is back", async () => {
  const proxy = await startProxy();
  const stage = new FaultStage(redis());
  const log = new RunLog();
  await stage.machineProcess({ connection: proxy.url });
  const pool = stage.pool<typeof tasks>();
  const cancelled = pool.map("gated", log.items(1));
  const [run] = await log.started(1);
  proxy.refuse(true);
  proxy.cut();
  cancelled.cancel();
  expect(await rejection(cancelled)).toMatchObject({ code: "CANCELLED" });
  await until(async () => (await redis().admin.exists(stage.keys.done(cancelled.id))) === 0, {
    what: "the cancel to reach Redis",
  });
  proxy.refuse(false);
  // A function that does not heed its signal is killed.
  await until(() => !isRunning(run?.pid ?? 0), { what: "the item to be stopped" });
  const job = stage.keys.job(`${cancelled.id}-0`);
  await until(async () => (await redis().admin.exists(job)) === 0, { what: "its job to be gone" });
  expect(log.executions).toHaveLength(1);
});
