import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { Pool } from "@poolmq/producer";
import { describe, expect, onTestFinished, test } from "vitest";

import type * as tasks from "../../fixtures/printing-tasks.ts";
import { redisForFile } from "../../support/redis-server.ts";
import { TASKS, temporaryFolder } from "../../support/stage.ts";
import { uniqueQueue } from "../../support/unique.ts";
import { runPoolmq, startWorker, workerArgs } from "../../support/worker-program.ts";

const redis = redisForFile();
const MODULE = fileURLToPath(TASKS);

const QUEUE_COMMANDS =
  "status top maps workers errors logs queues doctor cancel priority retry replay acl pause resume purge drain resize kill-item stack scale-signal shards".split(
    " ",
  );

test.for([
  ["--help"],
  ...["worker", "healthcheck", "dashboard", ...QUEUE_COMMANDS].map((command) => [command, "--help"]),
])("poolmq %j fits a terminal of 80 columns", async (args) => {
  const { code, output } = await runPoolmq(args);
  expect(code).toBe(0);
  const lines = output.split("\n");
  expect(lines.filter((line) => line.length > 80)).toEqual([]);
  // Wrapped once: a line takes what fits, and none is left with a word or two.
  const [, ...text] = lines.slice(
    0,
    lines.findIndex((line, at) => at > 2 && line === ""),
  );
  expect(text.filter((line) => line !== "" && line.length < 12)).toEqual([]);
});

test("help names the package that the README installs, and says that a short map is shown if it fails", async () => {
  const words = async (...args: string[]): Promise<string> =>
    (await runPoolmq(args)).output.replaceAll(/\s+/g, " ");
  expect(await words("--help")).toContain("programs call them with `pool.map()` of the package poolmq.");
  expect(await words("status", "--help")).toContain(
    "Maps are shown once they are a second old, or have failed, and for ten minutes after their end.",
  );
});

test.for([
  [["--concurrency", "-1"], "Expected `concurrency` to be an integer from 1 to 10000, got -1"],
  [["--health-port", "65536"], "Expected `healthPort` to be an integer from 0 to 65535, got 65536"],
  [["--health-host", "a b"], "Expected `healthHost` to be an address or host name"],
  [["--env", "NOT_THERE"], "Expected the variable of --env NOT_THERE to be set, and it is not"],
  [["--env", "A=1"], "Give a name only; its value is taken from the environment"],
  [["--env", "REDIS_URL"], "name its address POOLMQ_TASK_REDIS_URL"],
] as const)("poolmq worker %j is refused: %s", async ([args, message]) => {
  const { code, output } = await runPoolmq(["worker", MODULE, ...args], { REDIS_URL: redis().url });
  expect(output).toContain(message);
  expect(output.trim().split("\n")).toHaveLength(1);
  expect(code).toBe(2);
});

describe("a syntax error is shown where it is", () => {
  test.for(["tasks.ts", "tasks.mjs", "part.mjs"])("in %s", async (broken) => {
    const folder = temporaryFolder();
    const module = broken === "part.mjs" ? "tasks.mjs" : broken;
    writeFileSync(join(folder, module), 'import "./part.mjs";\nexport function a() {}\n');
    writeFileSync(join(folder, "part.mjs"), "");
    writeFileSync(join(folder, broken), "export function a() {}\nconst = 5;\n");
    const { code, output } = await runPoolmq([
      ...workerArgs(join(folder, module), { url: redis().url, queue: uniqueQueue() }),
      "--log-level",
      "silent",
    ]);
    expect(output).toMatch(
      new RegExp(`did not load: .*\\n.*${broken.replace(".", "\\.")}:2\\n(.*\\n)?const = 5;\\n +\\^`),
    );
    // Nothing of Node's loader.
    expect(output).not.toContain("node:internal");
    expect(code).toBe(1);
  });
});

test("tasks see the variables meant for them, and neither secrets nor the address of Redis", async () => {
  const at = { url: redis().url, queue: uniqueQueue() };
  const pool = new Pool<typeof tasks>({ connection: at.url, queue: at.queue });
  onTestFinished(() => pool.terminate());
  const program = startWorker(
    fileURLToPath(new URL("../../fixtures/printing-tasks.ts", import.meta.url)),
    at,
    ["--env", "DATABASE_URL", "-e", "REGION"],
    {
      REDIS_URL: redis().url,
      POOLMQ_REDIS_URL: redis().url,
      CLOUD_KEY: "canary",
      POOLMQ_TASK_SEED: "7",
      DATABASE_URL: "postgres://db",
      REGION: "",
    },
  );
  await program.line(/worker machine ready/);
  const text = await pool.apply("inheritedEnvironment", []);
  expect(text.split("\n")).toEqual(
    expect.arrayContaining(["DATABASE_URL=postgres://db", "REGION=", "POOLMQ_TASK_SEED=7"]),
  );
  expect(text).not.toMatch(/canary|redis\.sock/);
});
