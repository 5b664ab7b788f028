import type { TaskLog } from "@poolmq/producer";
import { pino } from "pino";
import { expect, test } from "vitest";

import type * as tasks from "../../fixtures/behaviours.ts";
import { BEHAVIOURS } from "../../support/both-pools.ts";
import { redisForFile } from "../../support/redis-server.ts";
import { Stage } from "../../support/stage.ts";

const redis = redisForFile();
/** What tasks print goes to the machine's log, and what is below its level nowhere. */
const SILENT = pino({ level: "silent" });
const KEY = "0123456789abcdef0123456789abcdef";

test("a fleet's machine forwards them too, also if its own log is silent, and signed if it signs", async () => {
  const stage = new Stage(redis());
  const machine = await stage.machine({ module: BEHAVIOURS, logger: SILENT, signingKey: KEY });
  const logs: TaskLog[] = [];
  const pool = stage.pool<typeof tasks>({ signingKey: KEY });
  const told: unknown[] = [];
  await pool.map("speaks", [1, 2], {
    chunksize: 2,
    onLog: (log) => logs.push(log),
    onTaskProgress: (value) => told.push(value),
  });
  await pool.map("reportsAndEnds", [1], { onTaskProgress: (value) => told.push(value) });
  const said = ["stdout", "stderr", "stderr", "log", "log", "stdout"];
  expect(logs.map(({ from }) => from)).toEqual([...said, ...said]);
  for (const { worker, pid } of logs) expect([worker, pid]).toEqual([machine.id, machine.pids[0]]);
  expect(told).toEqual(["all of 1"]);
});

test("a machine that keeps stacks to itself keeps what tasks say to itself", async () => {
  const stage = new Stage(redis());
  await stage.machine({ module: BEHAVIOURS, logger: SILENT, redactRemoteStacks: true });
  const logs: TaskLog[] = [];
  await stage.pool<typeof tasks>().map("speaks", [1], { onLog: (log) => logs.push(log) });
  expect(logs).toEqual([]);
});

test("tasks that print in a loop fill neither Redis nor the producer", async () => {
  const stage = new Stage(redis());
  await stage.machine({ module: BEHAVIOURS, logger: SILENT });
  const logs: TaskLog[] = [];
  const lines = Array.from({ length: 150 }, () => 300);
  await stage.pool<typeof tasks>().map("chats", lines, { onLog: (log) => logs.push(log) });
  expect(logs).toHaveLength(10_001);
  expect(logs.at(-1)?.message).toMatch(/^[\d,]+ more lines of this map are not shown$/);
});
