import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { describe, expect, onTestFinished, test } from "vitest";

import { isRunning, Program, type ProgramOptions } from "../../support/processes.ts";
import { freePort, redisForFile } from "../../support/redis-server.ts";
import { Marks, Stage, TASKS, temporaryFolder } from "../../support/stage.ts";
import { HAS_TERMINAL, onTerminal } from "../../support/terminal.ts";
import { until, within } from "../../support/until.ts";

const redis = redisForFile();
const CLI = new URL("../../../packages/worker/src/cli.ts", import.meta.url);
const MODULE = fileURLToPath(TASKS);

/** Nothing of the environment in which the tests run decides how the command behaves. */
const CLEAN = Object.fromEntries(
  Object.keys(process.env)
    .filter((name) => /^(POOLMQ_|REDIS_URL)/.test(name))
    .map((name) => [name, undefined]),
);

function poolmq(args: readonly string[], env: ProgramOptions["env"] = {}): Program {
  const program = Program.file(CLI, { args, env: { ...CLEAN, ...env } });
  onTestFinished(() => program[Symbol.asyncDispose]());
  return program;
}

/** Runs the command to its end. */
async function run(args: readonly string[], env: ProgramOptions["env"] = {}) {
  const program = poolmq(args, env);
  const { code } = await within(20_000, "the command's end", program.exited);
  return { code, output: program.output };
}

async function startWorker(stage: Stage, args: readonly string[] = [], env: ProgramOptions["env"] = {}) {
  const program = poolmq(
    ["worker", MODULE, "--redis", redis().url, "--queue", stage.queue, "--processes", "1", ...args],
    env,
  );
  await program.line(/worker machine ready/);
  return program;
}

describe("help", () => {
  test("of the command names its subcommands", async () => {
    expect(await run(["--help"])).toMatchObject({ code: 0, output: expect.stringContaining("worker") });
    expect(await run(["--version"])).toMatchObject({
      code: 0,
      output: expect.stringMatching(/^\d+\.\d+\.\d+/),
    });
  });

  test("of worker names each flag, each environment variable, and what signals do", async () => {
    const { code, output } = await run(["worker", "--help"]);
    expect(code).toBe(0);
    const text = output.replaceAll(/\s+/g, " ");
    for (const word of [
      "<module>",
      "--processes",
      "POOLMQ_PROCESSES",
      "--concurrency",
      "POOLMQ_CONCURRENCY",
      "--queue",
      "POOLMQ_QUEUE",
      "--redis",
      "POOLMQ_REDIS_URL",
      "REDIS_URL",
      "--max-tasks-per-child",
      "--max-memory-per-child-mb",
      "--worker-loss-attempts",
      "--shutdown-timeout-ms",
      "POOLMQ_SHUTDOWN_TIMEOUT_MS",
      "--env",
      "POOLMQ_TASK_",
      "--log-level",
      "POOLMQ_LOG_LEVEL",
      "SIGTERM",
    ])
      expect(text).toContain(word);
  });
});

describe("wrong use", () => {
  test.for([
    [["wrker"], /unknown command 'wrker'\s+\(Did you mean worker\?\)/],
    [["help", "statuss"], /unknown command 'statuss'\s+\(Did you mean status\?\)/],
    [["worker"], /missing required argument 'module'/],
    [["worker", MODULE, "--proceses", "2"], /unknown option '--proceses'\s+\(Did you mean --processes\?\)/],
    [
      ["worker", MODULE, "--processes", "two"],
      /--processes <n>' argument 'two' is invalid\. Expected an integer/,
    ],
    [["worker", MODULE, "--processes", "0"], /Expected `processes` to be an integer from 1 to 1024, got 0/],
    [["worker", MODULE, "--concurrency", "1.5"], /argument '1\.5' is invalid\. Expected an integer/],
    [["worker", MODULE, "--queue", "a:b"], /Expected `queue` to be 1 to 100 letters/],
    [["worker", MODULE, "--redis", "localhost:6379"], /did you mean redis:\/\/localhost:6379\?/],
    [["worker", MODULE, "--log-level", "loud"], /Allowed choices are trace, debug, info/],
  ] as const)("%j ends with code 2 and says what is wrong", async ([args, message]) => {
    const { code, output } = await run(args);
    expect(output).toMatch(message);
    // One sentence for the user; a stack would be for us.
    expect(output).not.toMatch(/^\s+at /m);
    expect(code).toBe(2);
  });

  test("a module that is not there ends it", async () => {
    const { code, output } = await run(["worker", "./no-such-file.ts", "--redis", redis().url]);
    expect(output).toMatch(/poolmq: The tasks module .*no-such-file\.ts did not load: Cannot find module/);
    expect(output).toContain("no-such-file.ts': there is no such file\n");
    // Nothing of the user's imports it, and what Node itself did to find it says nothing.
    expect(output).not.toMatch(/imported from|node:/);
    expect(code).toBe(1);
  });

  test("a module that throws ends it with the module's own stack", async () => {
    const module = join(temporaryFolder(), "tasks.ts");
    writeFileSync(module, 'throw new RangeError("no licence");');
    const { code, output } = await run(["worker", module, "--redis", redis().url]);
    expect(output).toMatch(/did not load: no licence\n[^]*RangeError: no licence\n\s+at .*tasks\.ts:1/);
    expect(code).toBe(1);
  });

  test("a Redis that does not run ends it within its time limit, with what to do", async () => {
    const url = `redis://127.0.0.1:${await freePort()}`;
    const args = ["worker", MODULE, "--connect-timeout-ms", "10000"];
    const { code, output } = await run(args, { REDIS_URL: url });
    expect(output).toMatch(/Could not use Redis at redis:\/\/127\.0\.0\.1:\d+ within 10000 ms: .*docker run/);
    expect(code).toBe(1);
  });

  test("dashboard without a Redis waits for it, and tells of pools in memory", async () => {
    const program = poolmq(["dashboard"], { REDIS_URL: `redis://127.0.0.1:${await freePort()}` });
    await program.line(/Waiting for Redis\. .*ECONNREFUSED/);
    await program.line(/in its own memory, where no command sees it.*give the pool `connection: "redis:/);
    program.kill("SIGTERM");
    expect(await within(5_000, "its end", program.exited)).toEqual({ code: 0, signal: null });
  });

  test.for(["status", "top"])("%s without a Redis tells of pools in memory", async (command) => {
    const { code, output } = await run([command], { REDIS_URL: `redis://127.0.0.1:${await freePort()}` });
    expect(output).toMatch(/in its own memory, where no command sees it.*give the pool `connection: "redis:/);
    expect(code).toBe(1);
  });
});

describe("a worker", () => {
  test.for(["tasks.ts", "tasks.mts", "tasks.js", "tasks.mjs"])("serves a module named %s", async (name) => {
    const stage = new Stage(redis());
    const folder = temporaryFolder();
    writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
    writeFileSync(join(folder, name), "export function increment(x) { return x + 10; }");
    const program = poolmq(["worker", join(folder, name), "-r", redis().url, "-q", stage.queue, "-p", "1"]);
    await program.line(/worker machine ready/);
    expect(await stage.pool().map("increment", [1])).toEqual([11]);
  });

  test("takes its options from environment variables, empty ones counting as unset", async () => {
    const stage = new Stage(redis());
    const program = poolmq(["worker", MODULE], {
      POOLMQ_REDIS_URL: "",
      REDIS_URL: redis().url,
      POOLMQ_QUEUE: stage.queue,
      POOLMQ_PROCESSES: "2",
      POOLMQ_CONCURRENCY: "",
      POOLMQ_LOG_LEVEL: "",
      POOLMQ_SHUTDOWN_TIMEOUT_MS: "",
    });
    await program.line(/"processes":2,.*worker machine ready/);
    expect(await stage.pool().map("increment", [1])).toEqual([2]);
  });

  test("prefers flags to variables, and POOLMQ_REDIS_URL to REDIS_URL", async () => {
    const stage = new Stage(redis());
    const program = poolmq(["worker", MODULE, "--processes", "1"], {
      POOLMQ_REDIS_URL: redis().url,
      REDIS_URL: "redis://127.0.0.1:1",
      POOLMQ_QUEUE: stage.queue,
      POOLMQ_PROCESSES: "7",
    });
    await program.line(/"processes":1,.*worker machine ready/);
  });

  test("names the variable that holds a wrong URL", async () => {
    const { code, output } = await run(["worker", MODULE], { POOLMQ_REDIS_URL: "cache:6379" });
    expect(output).toMatch(/Expected `POOLMQ_REDIS_URL` to be a URL .*did you mean redis:\/\/cache:6379\?/);
    expect(code).toBe(2);
  });

  test("gives tasks the variables that it was told to, and no address of Redis", async () => {
    const stage = new Stage(redis());
    await startWorker(stage, ["--env", "MODEL", "--env", "REGION"], {
      REDIS_URL: redis().url,
      POOLMQ_REDIS_URL: redis().url,
      AWS_SECRET_ACCESS_KEY: "canary",
      MODEL: "large",
      REGION: "eu",
      POOLMQ_TASK_SEED: "7",
    });
    const [environment] = (await stage.pool().map("environment", [undefined])) as [Record<string, string>];
    expect(environment).toMatchObject({ MODEL: "large", REGION: "eu", POOLMQ_TASK_SEED: "7" });
    expect(environment).not.toHaveProperty("REDIS_URL");
    expect(environment).not.toHaveProperty("POOLMQ_REDIS_URL");
    expect(JSON.stringify(environment)).not.toMatch(/canary|redis\.sock/);
  });

  test.for(["SIGTERM", "SIGINT"] as const)(
    "on %s finishes what runs and exits with code 0",
    async (signal) => {
      const stage = new Stage(redis());
      const marks = new Marks();
      const program = await startWorker(stage);
      const call = { log: marks.log, gate: marks.gate };
      const pool = stage.pool();
      const result = pool.map("gated", [call, call]);
      const [pid] = await marks.started(1);
      program.kill(signal);
      await program.line(/stopping: finishing what runs/);
      await until(async () => (await pool.stats()).waiting === 1, {
        what: "the one that waits to be handed back",
      });
      marks.open();
      expect(await within(5_000, "its end", program.exited)).toEqual({ code: 0, signal: null });
      expect(isRunning(Number(pid))).toBe(false);
      // The other one was left for others.
      expect(marks.lines).toHaveLength(1);
      expect(result.progress.done).toBe(1);
    },
  );

  test.for(["SIGINT", "SIGTERM"] as const)(
    "on %s to its whole process group, as Ctrl-C does, still finishes what runs",
    async (signal) => {
      const stage = new Stage(redis());
      const marks = new Marks();
      const program = await startWorker(stage);
      const result = stage.pool().map("gated", [{ log: marks.log, gate: marks.gate }]);
      const [pid] = await marks.started(1);
      process.kill(Number(pid), signal);
      program.kill(signal);
      await program.line(/stopping: finishing what runs/);
      marks.open();
      expect(await within(5_000, "the result", result)).toEqual([Number(pid)]);
      expect(await within(5_000, "its end", program.exited)).toEqual({ code: 0, signal: null });
    },
  );

  test("on a second signal kills what still runs, which another machine takes over", async () => {
    const stage = new Stage(redis());
    const marks = new Marks();
    const program = await startWorker(stage);
    const result = stage.pool().map("gated", [{ log: marks.log, gate: marks.gate }]);
    const [pid] = await marks.started(1);
    program.kill("SIGTERM");
    await program.line(/stopping: finishing what runs/);
    program.kill("SIGTERM");
    expect(await within(5_000, "its end", program.exited)).toEqual({ code: 0, signal: null });
    expect(isRunning(Number(pid))).toBe(false);
    await stage.machine();
    marks.open();
    expect(await within(5_000, "the result", result)).toHaveLength(1);
  });

  test("on SIGTERM while it starts exits at once, with its children", async () => {
    const folder = temporaryFolder();
    const marks = new Marks();
    const module = join(folder, "tasks.mjs");
    writeFileSync(
      module,
      `import { appendFileSync } from "node:fs";
       appendFileSync(${JSON.stringify(marks.log)}, process.pid + "\\n"); for (;;);`,
    );
    const program = poolmq(["worker", module, "--redis", redis().url, "--processes", "1"]);
    const [pid] = await marks.started(1);
    program.kill("SIGTERM");
    expect(await within(2_000, "its end", program.exited)).toMatchObject({ signal: null });
    await until(() => !isRunning(Number(pid)), { what: "its child to end", timeoutMs: 2_000 });
  });

  test("on a terminal reads well, and finishes what runs on Ctrl-C", { skip: !HAS_TERMINAL }, async () => {
    const stage = new Stage(redis());
    const marks = new Marks();
    const options = ["--redis", redis().url, "--queue", stage.queue, "--processes", "1"];
    const program = onTerminal([fileURLToPath(CLI), "worker", MODULE, ...options]);
    const [line] = await program.line(/.*worker machine ready/);
    expect(line).not.toContain("{");
    const result = stage.pool().map("gated", [{ log: marks.log, gate: marks.gate }]);
    await marks.started(1);
    program.send("\u0003");
    await program.line(/stopping: finishing what runs/);
    marks.open();
    expect(await within(5_000, "the result", result)).toHaveLength(1);
    expect(await within(5_000, "its end", program.exited)).toMatchObject({ code: 0 });
    expect(marks.lines).toHaveLength(1);
  });
});
