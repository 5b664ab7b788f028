import { fileURLToPath } from "node:url";

import { expect, test } from "vitest";

import { Program } from "../support/processes.ts";
import { RedisServer } from "../support/redis-server.ts";
import { until } from "../support/until.ts";
import { exampleUrl, startExample } from "./example.ts";

const PRODUCER = "fleet/producer.ts";
const OUTPUT = "[ 2, 3, 4, 5, 6 ]\n[ 3, 7, 11 ]\n";

/** The worker's command in the header of the producer. */
function startWorker(redis: RedisServer): Program {
  return Program.file(new URL("../../packages/worker/src/cli.ts", import.meta.url), {
    args: ["worker", fileURLToPath(exampleUrl("tasks.ts")), "--processes", "2"],
    env: { REDIS_URL: redis.url, POOLMQ_REDIS_URL: undefined },
  });
}

test("a producer gets its results from workers that are there", async () => {
  await using redis = await RedisServer.start();
  await using worker = startWorker(redis);
  await worker.line(/worker machine ready/);

  await using producer = startExample(PRODUCER, { env: { REDIS_URL: redis.url } });
  expect(await producer.exited).toEqual({ code: 0, signal: null });
  expect(producer.output).toBe(OUTPUT);

  worker.kill("SIGTERM");
  expect(await worker.exited).toEqual({ code: 0, signal: null });
});

test("a producer waits for workers that come later", async () => {
  await using redis = await RedisServer.start();
  await using producer = startExample(PRODUCER, { env: { REDIS_URL: redis.url } });
  await until(async () => (await redis.admin.llen("poolmq:{default}:wait")) === 5, {
    what: "the five jobs to be enqueued",
  });

  await using worker = startWorker(redis);
  await worker.line(/worker machine ready/);
  expect(await producer.exited).toEqual({ code: 0, signal: null });
  // It may have said meanwhile that there is no worker.
  expect(producer.output).toContain(OUTPUT);
});
