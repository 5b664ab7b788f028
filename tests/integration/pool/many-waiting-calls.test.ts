import { expect, onTestFinished, test } from "vitest";

import { redisForFile } from "../../support/redis-server.ts";
import { Stage } from "../../support/stage.ts";

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
