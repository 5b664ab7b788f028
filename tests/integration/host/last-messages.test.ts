import { setImmediate } from "node:timers";
import { fileURLToPath } from "node:url";

import { pino } from "pino";
import { expect, test } from "vitest";

import { processCrew } from "../../../packages/worker/src/crew/process-crew.ts";
import { TaskOutput } from "../../../packages/worker/src/output/task-output.ts";
import type { FromChild } from "../../../packages/worker/src/pipe/pipe-messages.ts";

const MODULE = fileURLToPath(new URL("../../fixtures/contract-tasks.ts", import.meta.url));

/** Keeps this thread from everything else, as a machine does that is overloaded. */
function block(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/** Is kept from everything else once more when it learns that a process has ended, for longer than such a process is waited for. */
class BusyAtEnd extends TaskOutput {
  override attach(...[child]: Parameters<TaskOutput["attach"]>): void {
    super.attach(child);
    child.once("exit", () => setImmediate(() => block(300)));
  }
}

test("what a process said before it ended is read before its end is told, however busy its supervisor is", async () => {
  const log = pino({ level: "silent" });
  const output = new BusyAtEnd({ level: log.level, open: () => log }, "log");
  const { startHost } = processCrew(
    "w",
    {
      module: MODULE,
      processes: 1,
      concurrency: 1,
      maxOutcomeBytes: 1024,
      redactRemoteStacks: false,
      env: {},
      killGraceMs: 500,
      startTimeoutMs: 60_000,
      maxTasksPerChild: 0,
      maxMemoryPerChildMb: 0,
    },
    output,
  );
  const ready = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<void>();
  const came: (FromChild["t"] | "exit")[] = [];
  const host = startHost({
    onMessage: ({ t }) => {
      if (t === "ready") ready.resolve();
      came.push(t);
    },
    onGuard: () => {},
    onGarbage: (reason) => ended.reject(new Error(reason)),
    onSevered: () => {},
    onExit: () => {
      came.push("exit");
      ended.resolve();
    },
  });
  await ready.promise;
  // Whatever it says from now on is read when it has ended.
  host.quiet?.start();
  const run = { t: "run", map: "m", n: 1, attempt: 1 } as const;
  host.send({ ...run, id: 1, slot: 0, fn: "echo", at: 0 }, "[[1]]");
  host.send({ ...run, id: 2, slot: 1, fn: "exit", at: 1 }, "[[3]]");
  host.flush();
  // It ends meanwhile, and all that it said comes with the news of its end.
  block(1_000);
  await ended.promise;
  expect(came).toEqual(["ready", "begun", "done", "ending", "exit"]);
});
