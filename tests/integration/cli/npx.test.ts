import { spawn } from "node:child_process";
import { once } from "node:events";

import { expect, onTestFinished, test } from "vitest";

import { PRELOADS } from "../../support/processes.ts";
import { redisForFile } from "../../support/redis-server.ts";
import { uniqueQueue } from "../../support/unique.ts";
import { until } from "../../support/until.ts";
import { CLI, workerArgs } from "../../support/worker-program.ts";

const redis = redisForFile();

/** Starts a worker under a shell, which ends of a signal and does not pass it on, as npx does. */
function startUnder(lifecycleEvent: string): {
  readonly output: () => string;
  endParent(): void;
  ended: Promise<unknown>;
} {
  const module = new URL("../../fixtures/tasks.ts", import.meta.url).pathname;
  const args = workerArgs(module, { url: redis().url, queue: uniqueQueue("npx") });
  const script = '"$0" "$@" & echo "pid $!"; wait';
  const shell = spawn(
    "/bin/sh",
    ["-c", script, process.execPath, "--conditions=@poolmq/source", ...PRELOADS, CLI, ...args],
    {
      env: { ...process.env, npm_lifecycle_event: lifecycleEvent },
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  let output = "";
  shell.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
  onTestFinished(() => {
    try {
      process.kill(Number(/pid (\d+)/.exec(output)?.[1]), "SIGKILL");
    } catch {
      // It has ended, as it should.
    }
  });
  return {
    output: () => output,
    endParent: () => void shell.kill("SIGTERM"),
    // Only once the worker has ended as well does nobody write there any more.
    ended: once(shell.stdout, "close"),
  };
}

test("a worker whose npx was ended stops in good order", async () => {
  const worker = startUnder("npx");
  await until(() => worker.output().includes("worker machine ready"), { what: "the worker to be ready" });
  worker.endParent();
  await worker.ended;
  expect(worker.output()).toContain("stopping: npx, which started this worker, has ended");
});

test("one that something else started goes on", async () => {
  const worker = startUnder("start");
  await until(() => worker.output().includes("worker machine ready"), { what: "the worker to be ready" });
  worker.endParent();
  const pid = Number(/pid (\d+)/.exec(worker.output())?.[1]);
  process.kill(pid, "SIGTERM");
  await worker.ended;
  expect(worker.output()).toContain("stopping: finishing what runs");
  expect(worker.output()).not.toContain("which started this worker");
});
