import { Pool } from "@poolmq/producer";
import { expect, onTestFinished, test, vi } from "vitest";

import type * as tasks from "../../fixtures/tasks.ts";
import { redisForFile } from "../../support/redis-server.ts";
import { rejection, Stage, TASKS } from "../../support/stage.ts";

const redis = redisForFile();

const ADVICE =
  '`REDIS_URL` is set, so this pool calls the workers of that Redis, and starts none for its `tasks`: for processes here, give `connection: "memory"`';

/** A pool that was given tasks and nothing else, by a program in whose environment there is a Redis. */
function poolOf(stage: Stage): Pool<typeof tasks> {
  vi.stubEnv("POOLMQ_REDIS_URL", undefined);
  vi.stubEnv("REDIS_URL", redis().url);
  onTestFinished(() => void vi.unstubAllEnvs());
  const pool = new Pool<typeof tasks>({ tasks: TASKS, queue: stage.queue });
  onTestFinished(() => pool.terminate());
  return pool;
}

test("a task that the fleet of REDIS_URL has not says why the pool's own tasks are not run", async () => {
  const stage = new Stage(redis());
  await stage.machine({ module: new URL("../../fixtures/one-task.ts", import.meta.url) });
  const error = await rejection(poolOf(stage).map("increment", [1]));
  expect(error).toMatchObject({ code: "TASK_NOT_REGISTERED" });
  expect(String(error)).toContain(`module. ${ADVICE}.`);
});

test("a pool whose work waits for the fleet of REDIS_URL says why it has no workers of its own", async () => {
  const stage = new Stage(redis());
  const { promise: said, resolve } = Promise.withResolvers<string>();
  const onWarning = ({ message }: Error): void => {
    if (message.includes(stage.queue)) resolve(message);
  };
  process.on("warning", onWarning);
  onTestFinished(() => void process.off("warning", onWarning));
  const call = poolOf(stage).map("increment", [1]);
  expect(await said).toContain(`Start one with: npx poolmq worker <module>. ${ADVICE}`);
  await stage.machine();
  expect(await call).toEqual([2]);
});
