import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { describe, expect, onTestFinished, test } from "vitest";

import { descendantsOf, isRunning, Program } from "../../support/processes.ts";
import { redisForFile } from "../../support/redis-server.ts";
import { Marks, temporaryFolder } from "../../support/stage.ts";
import { HAS_TERMINAL, onTerminal } from "../../support/terminal.ts";
import { until, within } from "../../support/until.ts";

const redis = redisForFile();
const PRODUCER = new URL("../../fixtures/lifetime.ts", import.meta.url);

/** Everything that a program started, and the folders that it made, seen from outside. */
class Traces {
  readonly folder: string = temporaryFolder();
  readonly #pids = new Set<number>();

  /** Notes the processes that run now. */
  note(program: Program): number[] {
    const pids = descendantsOf(program.pid);
    for (const pid of pids) this.#pids.add(pid);
    return pids;
  }

  /** Waits until nothing is left. */
  async gone(timeoutMs = 1_500): Promise<void> {
    try {
      await until(() => this.left.length === 0, { what: "everything to be gone", timeoutMs });
    } catch (cause) {
      throw new Error(`These are left: ${this.left.join(", ")}`, { cause });
    }
  }

  get left(): (number | string)[] {
    return [...[...this.#pids].filter(isRunning), ...readdirSync(this.folder)];
  }
}

function start(
  what: string,
  { marks, where, traces }: { marks?: Marks; where: string; traces: Traces },
): Program {
  const program = Program.file(PRODUCER, {
    args: [what, marks?.log ?? "", where === "a server" ? redis().url : where],
    env: { TMPDIR: traces.folder, REDIS_URL: undefined, POOLMQ_REDIS_URL: undefined },
  });
  onTestFinished(() => program[Symbol.asyncDispose]());
  return program;
}

const WHERE = ["memory", "embedded", "a server"] as const;

/** What pools left on the server, beside what wakes a read and expires within seconds. */
async function leftOnServer(): Promise<string[]> {
  const keys = await redis().admin.keys("poolmq:*");
  return keys.filter((key) => !key.includes(":wake:"));
}

describe.each(WHERE)("with the queue in %s, a forgotten pool", (where) => {
  test.for([
    ["nothing", ""],
    ["used", "results [ 2, 3, 4 ]\n"],
    ["pending", "results [ 2, 3, 4 ]\n"],
  ] as const)(
    "that did %s does not keep its process alive, and leaves nothing behind",
    async ([what, output]) => {
      const traces = new Traces();
      const program = start(what, { where, traces });
      const watch = setInterval(() => traces.note(program), 20);
      onTestFinished(() => clearInterval(watch));
      expect(await within(5_000, "its end", program.exited)).toEqual({ code: 0, signal: null });
      expect(program.output).toBe(output);
      await traces.gone();
    },
  );
});

describe.each(WHERE)("with the queue in %s, nothing is left of a pool whose process", (where) => {
  test.for([
    ["is killed while it waits for an endless loop", "busy", (program: Program) => program.kill("SIGKILL")],
    ["is ended by SIGTERM", "busy", (program: Program) => program.kill("SIGTERM")],
    ["exits in the middle of a map", "exit", (program: Program) => program.send("go")],
    ["dies of an uncaught error", "throw", (program: Program) => program.send("go")],
    [
      "is killed while its own event loop is blocked",
      "blocked",
      async (program: Program) => {
        program.send("go");
        await program.line(/blocked/);
        program.kill("SIGKILL");
      },
    ],
  ] as const)("%s", async ([, what, end]) => {
    const marks = new Marks();
    const traces = new Traces();
    const program = start(what, { marks, where, traces });
    const started = await marks.started(what === "busy" ? 2 : 1);
    const pids = traces.note(program);
    expect(pids).toEqual(expect.arrayContaining(started.map(Number)));
    expect(pids.length).toBeGreaterThanOrEqual(where === "memory" ? 2 : 3);
    await end(program);
    await within(5_000, "its end", program.exited);
    await traces.gone();
    expect(await leftOnServer()).toEqual([]);
  });

  test("dies of a task's error", async () => {
    const traces = new Traces();
    const program = start("failed", { where, traces });
    const watch = setInterval(() => traces.note(program), 20);
    onTestFinished(() => clearInterval(watch));
    expect(await within(8_000, "its end", program.exited)).toMatchObject({ code: 1 });
    expect(program.output).toContain("PaymentError: card 1 refused");
    await traces.gone();
  });
});

test.for([
  ["embedded", 5],
  ["memory", 2],
] as const)(
  "Ctrl-C in a terminal ends a producer and all that it started (%s)",
  { skip: !HAS_TERMINAL },
  async ([where, processes]) => {
    const marks = new Marks();
    const traces = new Traces();
    const setFolder = `data:text/javascript,process.env.TMPDIR='${traces.folder}'`;
    const program = onTerminal(["--import", setFolder, fileURLToPath(PRODUCER), "busy", marks.log, where]);
    await marks.started(2);
    const pids = traces.note(program);
    expect(pids.length).toBeGreaterThanOrEqual(processes);
    program.send("\u0003");
    await within(5_000, "its end", program.exited);
    await traces.gone();
  },
);

describe("a pool that ends in good order", () => {
  test("leaves no folder, no process and, on a queue of its own, nothing of the queue in Redis", async () => {
    const traces = new Traces();
    const before = new Set(await redis().admin.keys("*"));
    await using program = Program.source(
      `import { Pool } from "@poolmq/producer";
       for (const connection of ["memory", "embedded", ${JSON.stringify(redis().url)}]) {
         await using pool = new Pool({
           tasks: ${JSON.stringify(new URL("../../fixtures/tasks.ts", import.meta.url).href)},
           processes: 1,
           connection,
         });
         console.log(await pool.map("increment", [1]));
       }`,
      { env: { TMPDIR: traces.folder, REDIS_URL: undefined, POOLMQ_REDIS_URL: undefined } },
    );
    const watch = setInterval(() => traces.note(program), 20);
    onTestFinished(() => clearInterval(watch));
    expect(await within(8_000, "its end", program.exited)).toEqual({ code: 0, signal: null });
    await traces.gone();
    const left = (await redis().admin.keys("*")).filter((key) => !before.has(key));
    // What lives by its time to live goes by itself.
    const lasting = await Promise.all(left.map(async (key) => [key, await redis().admin.ttl(key)] as const));
    expect(lasting.filter(([, ttl]) => ttl < 0)).toEqual([]);
  });
});

test("no Redis server to embed is told with how to install one", async () => {
  const traces = new Traces();
  const program = Program.source(
    `import { Pool } from "@poolmq/producer";
     import { findRedisServer } from "@poolmq/producer/internal";
     try { findRedisServer({ PATH: "/nonexistent" }, []); } catch (error) { console.log(error.code, error.message); }
     await using pool = new Pool({ tasks: ${JSON.stringify(new URL("../../fixtures/tasks.ts", import.meta.url).href)}, connection: "embedded" });
     await pool.map("increment", [1]).catch((error) => console.log(error.code, error.message));`,
    {
      env: {
        POOLMQ_REDIS_SERVER: join(traces.folder, "no-such-server"),
        REDIS_URL: undefined,
        POOLMQ_REDIS_URL: undefined,
      },
    },
  );
  onTestFinished(() => program[Symbol.asyncDispose]());
  await within(5_000, "its end", program.exited);
  const [first, second] = program.output.split("\n");
  expect(first).toMatch(
    /^REDIS_NOT_FOUND .*Install one: .+\. Or run one in Docker: `docker run .*REDIS_URL=redis:/,
  );
  expect(second).toMatch(/^REDIS_NOT_FOUND .*no-such-server, which can't be run/);
});
