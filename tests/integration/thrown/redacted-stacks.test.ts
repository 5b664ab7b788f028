import { fileURLToPath } from "node:url";

import { inspect } from "node:util";

import type { Pool } from "@poolmq/producer";
import { expect, test } from "vitest";

import type * as tasks from "../../fixtures/tasks.ts";
import { LogRecords } from "../../support/log-records.ts";
import { redisForFile } from "../../support/redis-server.ts";
import { rejection, Stage, TASKS } from "../../support/stage.ts";
import { runPoolmq } from "../../support/worker-program.ts";

const redis = redisForFile();

const FAILING = fileURLToPath(new URL("../../fixtures/failing-initializer.ts", import.meta.url));

test("with redactRemoteStacks, errors reach their callers whole but for stacks, which are in the worker's log", async () => {
  const stage = new Stage(redis());
  const log = new LogRecords();
  await stage.machine({ redactRemoteStacks: true, logger: log.logger });
  const pool: Pool<typeof tasks> = stage.pool();
  const errors = [
    await rejection(pool.map("fail", [1])),
    // One by one, too.
    await rejection(pool.map("fail", [1, 3], { chunksize: 2, taskTimeoutMs: 20_000 })),
    await rejection(pool.apply("resultThatCannotBeSent", [])),
  ];
  for (const error of errors) {
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain("fixtures");
  }
  expect(errors[0]).toMatchObject({ name: "PaymentError", message: "card 1 refused", status: 402 });
  expect(errors[0]).toMatchObject({ cause: { name: "RangeError", message: "limit" } });
  // Where the call was made is still said.
  expect((errors[0] as Error).stack).toContain("redacted-stacks.test.ts");
  const logged = log.of("task failed");
  expect(logged.map(({ task, index }) => [task, index])).toEqual([
    ["fail", 0],
    ["fail", 0],
    ["fail", 1],
  ]);
  expect(JSON.stringify(logged[0]?.["err"])).toContain("fixtures/tasks.ts");
});

test("without it, the stack travels and the worker's log does not repeat it", async () => {
  const stage = new Stage(redis());
  const log = new LogRecords();
  await stage.machine({ logger: log.logger });
  const error = await rejection(stage.pool().map("fail", [1]));
  expect((error as Error).stack).toContain(fileURLToPath(TASKS));
  expect(log.of("task failed")).toEqual([]);
});

test("a module that does not load tells its callers no path and no reason", async () => {
  const stage = new Stage(redis());
  const args = ["-r", redis().url, "-q", stage.queue, "-p", "1", "--redact-remote-stacks"];
  const { output } = await runPoolmq(["worker", FAILING, ...args]);
  expect(output).toContain(FAILING);
  const error = await rejection(stage.pool().map("increment", [1]));
  expect(error).toMatchObject({ code: "WORKER_START", module: "failing-initializer.ts" });
  expect(inspect(error)).not.toContain(FAILING);
  expect(String(error)).toContain("the reason is in its log");
});
