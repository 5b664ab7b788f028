import { expect, onTestFinished, test } from "vitest";

import { redisForFile } from "../../support/redis-server.ts";
import { rejection, Stage } from "../../support/stage.ts";
import { until } from "../../support/until.ts";

const redis = redisForFile();

test("many calls that wait for a worker warn once, and are all served by the one that comes", async () => {
  const stage = new Stage(redis());
  const { promise: said, resolve } = Promise.withResolvers<void>();
  const warnings: string[] = [];
  const onWarning = ({ message }: Error): void => {
    if (!message.includes(stage.queue)) return;
    warnings.push(message);
    resolve();
  };
  process.on("warning", onWarning);
  onTestFinished(() => void process.off("warning", onWarning));
  const pool = stage.pool();
  const calls = Array.from({ length: 50 }, (_, i) => pool.apply("increment", [i]));
  await said;
  await stage.machine();
  expect(await Promise.all(calls)).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
  expect(warnings).toEqual([expect.stringMatching(/^No worker serves queue .*, so 50 calls wait for one\./)]);
});

test("of thousands of calls, a thousand are in Redis at a time; one with a priority does not wait", async () => {
  const stage = new Stage(redis());
  const pool = stage.pool();
  const calls = Array.from({ length: 1_200 }, (_, i) => pool.apply("increment", [i]));
  const waiting = async (): Promise<number> => (await pool.stats()).waiting;
  await until(async () => (await waiting()) >= 1_000, { what: "a thousand jobs" });
  const urgent = pool.apply("increment", [1], { priority: 1 });
  await until(async () => (await waiting()) > 1_000, { what: "the urgent job" });
  expect(await waiting()).toBe(1_001);
  // Those in line move up.
  for (const call of calls.slice(0, 100)) call.cancel();
  await until(async () => calls[1_099]?.progress.running === 1, { what: "the next to move up" });
  expect(calls[1_100]?.progress.running).toBe(0);
  const ends = Promise.all([...calls, urgent].map(rejection));
  await pool.terminate();
  await ends;
});
