import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath, pathToFileURL } from "node:url";

import { Pool, ThreadPool, type PoolOptions } from "@poolmq/producer";
import { runWorker } from "@poolmq/worker";
import { describe, expect, onTestFinished, test } from "vitest";

import { descendantsOf, PRELOADS } from "../../support/processes.ts";
import { freePort, redisForFile, RedisServer } from "../../support/redis-server.ts";
import { serverThatSays } from "../../support/server-that-says.ts";
import { rejection, Stage, TASKS, temporaryFolder } from "../../support/stage.ts";
import { within } from "../../support/until.ts";

const redis = redisForFile();

type Compiles = Record<"compiles", () => boolean>;
interface StartOptions {
  readonly tasks: URL;
  readonly env: Record<string, string>;
}

/** The path of a tasks module with this source. */
function moduleOf(source: string, name = "tasks.ts"): string {
  const path = join(temporaryFolder(), name);
  writeFileSync(path, source);
  return path;
}

/** A module that a signal ends is started five times, with pauses of 1.5 s in all, before it is held to be the cause. */
const START_FAILS_MS = 20_000;

/** What a first call to a pool with these options rejects with. Checks that the second does so too, and that it ends. */
async function startFailure(options: PoolOptions<Record<string, (x: number) => number>>): Promise<unknown> {
  const before = new Set(descendantsOf(process.pid));
  const pool = new Pool<Record<string, (x: number) => number>>(options);
  onTestFinished(() => pool.terminate());
  const error = await within(START_FAILS_MS, "the call's error", rejection(pool.map("f", [1])));
  // The same one; or, if it looked for Redis once more, another one that says the same.
  expect(await within(START_FAILS_MS, "the next call's error", rejection(pool.map("f", [])))).toEqual(error);
  await within(3_000, "the pool's end", pool[Symbol.asyncDispose]());
  expect(descendantsOf(process.pid).filter((pid) => !before.has(pid))).toEqual([]);
  return error;
}

test.each([
  [
    "processes",
    (options: StartOptions) => new Pool<Compiles>({ ...options, processes: 1, connection: "memory" }),
  ],
  ["threads", (options: StartOptions) => new ThreadPool<Compiles>({ ...options, threads: 1 })],
])("a tasks module in TypeScript is compiled once, and the next %s find it", async (_, start) => {
  const source = `export const compiles = (): boolean => process.moduleLoadList.some((name: string) => /amaro/.test(name));`;
  const tasks = pathToFileURL(moduleOf(source));
  // The variable keeps the run's own cache out.
  const env = { TMPDIR: temporaryFolder(), NODE_COMPILE_CACHE: "" };
  const compiled: boolean[] = [];
  for (let i = 0; i < 2; i += 1) {
    await using pool = start({ tasks, env });
    compiled.push(await pool.apply("compiles", []));
  }
  expect(compiled).toEqual([true, false]);
});

describe("a tasks module", () => {
  const phases = [
    ["that is not there", undefined, "load", /no-such-file\.ts did not load: Cannot find module/],
    ["with a syntax error", "export function (", "load", /did not load: /],
    [
      "with an import that is not there",
      'import "no-such-package";',
      "load",
      /Cannot find package 'no-such-package'/,
    ],
    ["that throws", 'throw new RangeError("no licence");', "load", /did not load: no licence/],
    ["that throws null", "throw null;", "load", /did not load: null/],
    ["without exports", "const x = 1;", "load", /export at least one function, got no exports/],
    ["without a function", "export const x = 1; export class C {}", "load", /got only C, x\. Write/],
    [
      "with an initializer that throws",
      'export function f() {} export function initializer() { throw new TypeError("no model"); }',
      "initializer",
      /has an initializer that failed: no model/,
    ],
    [
      "with an initializer that rejects",
      'export function f() {} export async function initializer() { throw new TypeError("no model"); }',
      "initializer",
      /has an initializer that failed: no model/,
    ],
    ["that ends its process", "process.exit(7);", "exit", /ended its process: exit code 7, signal null/],
    [
      "that is killed",
      'process.kill(process.pid, "SIGKILL"); for (;;);',
      "exit",
      /ended its process: exit code null, signal SIGKILL.*If nobody kills .* too little memory/,
    ],
    [
      "that crashes",
      'process.kill(process.pid, "SIGSEGV"); for (;;);',
      "exit",
      /ended its process: exit code null, signal SIGSEGV.* a native addon .* may crash/,
    ],
  ] as const;

  test.for(phases)("%s is told by the first call, with its own error", async ([, source, phase, message]) => {
    const module = source === undefined ? "no-such-file.ts" : moduleOf(source);
    const error = await startFailure({ tasks: module, processes: 2, connection: redis().url });
    expect(error).toMatchObject({ code: "TASKS_MODULE", phase, message: expect.stringMatching(message) });
  });

  test.for(phases.filter(([what]) => /that throws$|initializer that rejects|ends its process/.test(what)))(
    "%s fails runWorker(), with nothing left behind",
    async ([, source, phase, message]) => {
      const before = new Set(descendantsOf(process.pid));
      const module = source === undefined ? "no-such-file.ts" : moduleOf(source);
      const error = await rejection(runWorker({ module, processes: 2, connection: redis().url }));
      expect(error).toMatchObject({ code: "TASKS_MODULE", phase, message: expect.stringMatching(message) });
      expect(descendantsOf(process.pid).filter((pid) => !before.has(pid))).toEqual([]);
    },
  );

  test("that throws gives its own error as the cause", async () => {
    const module = moduleOf('throw new RangeError("no licence");');
    const error = await startFailure({ tasks: module, processes: 1, connection: redis().url });
    expect(error).toMatchObject({ cause: expect.any(RangeError) });
    expect((error as { cause: Error }).cause.stack).toContain("tasks.ts:1");
  });

  test("whose import does not end is given up after startTimeoutMs", async () => {
    const module = moduleOf("for (;;); export function f() {}");
    const options = { tasks: module, processes: 1, connection: redis().url, startTimeoutMs: 300 };
    expect(await startFailure(options)).toMatchObject({
      code: "TASKS_MODULE",
      phase: "exit",
      message: expect.stringContaining("within `startTimeoutMs` (300 ms)"),
    });
  });

  test("may be JavaScript, ESM or CommonJS, and have a default export", async () => {
    const modules = [
      ["default", moduleOf("export default (x) => x * 2;", "tasks.mjs")],
      ["double", moduleOf("exports.double = (x) => x * 2;", "tasks.cjs")],
    ] as const;
    for (const [task, tasks] of modules) {
      await using pool = new Pool({ tasks, processes: 1, connection: redis().url });
      expect(await pool.map(task, [2])).toEqual([4]);
    }
  });
});

test("a process for which the system starts no thread ends in an error that names the limit", async () => {
  // What Node 24 says if its own threads, or those of poolmq, are not started.
  const said = "Error [ERR_WORKER_INIT_FAILED]: Worker initialization failure: EAGAIN\\n";
  const module = moduleOf(`process.stderr.write("${said}"); process.exit(1);`);
  const error = await startFailure({ tasks: module, processes: 2, connection: "memory" });
  expect(error).toMatchObject({
    code: "SYSTEM_LIMIT",
    limit: "EAGAIN",
    message: expect.stringContaining("ulimit -u"),
  });
});

// Row 57. Elsewhere, Node itself takes another number of files, or there is no such limit.
test.skipIf(process.platform !== "linux").for([
  [2, 24],
  [16, 64],
] as const)(
  "%d processes with at most %d open files: fewer processes, or an error that names the limit",
  async ([processes, files]) => {
    const source = `
    import { Pool } from "@poolmq/producer";
    const tasks = ${JSON.stringify(moduleOf("export const twice = (x) => 2 * x;"))};
    const pool = new Pool({ tasks, processes: ${processes}, connection: "memory" });
    console.log(await pool.map("twice", [1, 2]).catch(({ code, limit }) => [code, limit]));
    pool.terminate();
  `;
    const limited = ["-c", `ulimit -n ${files}; exec "$@"`, "sh", process.execPath];
    const node = [
      "--conditions=@poolmq/source",
      ...PRELOADS,
      "--disable-warning=ExperimentalWarning",
      "--input-type=module",
      "--eval",
    ];
    const program = spawn("sh", [...limited, ...node, source], {
      cwd: fileURLToPath(new URL("../..", import.meta.url)),
      stdio: ["ignore", "pipe", "pipe"],
    });
    onTestFinished(() => void program.kill("SIGKILL"));
    const [output] = await Promise.all([text(program.stdout), once(program, "exit")]);
    expect(["[ 2, 4 ]\n", "[ 'SYSTEM_LIMIT', 'EMFILE' ]\n"]).toContain(output);
  },
);

describe("Redis", () => {
  test.for(["producer", "local workers"])("that does not run is told in time: %s", async (who) => {
    const connection = `redis://127.0.0.1:${await freePort()}`;
    const local = who === "local workers" ? { tasks: TASKS, processes: 1 } : {};
    expect(await startFailure({ connection, connectTimeoutMs: 700, ...local })).toMatchObject({
      code: "REDIS_CONNECTION",
      reason: "unreachable",
      message: expect.stringMatching(/within 700 ms: .*ECONNREFUSED.*docker run .*REDIS_URL/s),
    });
  });

  test("that needs a password is told at once, with where to put it", async () => {
    await using server = await RedisServer.start({ listen: "tcp", settings: { requirepass: "canary" } });
    const error = await startFailure({ connection: `redis://127.0.0.1:${server.port}` });
    expect(error).toMatchObject({
      code: "REDIS_CONNECTION",
      reason: "auth",
      message: expect.stringContaining("redis://:password@host"),
    });
    await using pool = new Stage(server).localPool();
    expect(await pool.map("increment", [1])).toEqual([2]);
  });

  test("with a password in its URL never shows it to the tasks or in a process list", async () => {
    await using server = await RedisServer.start({ listen: "tcp", settings: { requirepass: "canary" } });
    await using pool = new Stage(server).localPool();
    const [environment] = await pool.map("environment", [undefined]);
    expect(JSON.stringify(environment)).not.toContain("canary");
    expect(JSON.stringify(environment)).not.toMatch(/REDIS/);
  });

  test("that is too old is refused", async () => {
    const connection = await serverThatSays("redis_version:5.0.14\r\n");
    expect(await startFailure({ connection })).toMatchObject({
      code: "REDIS_UNSUPPORTED",
      message: expect.stringContaining("is version 5.0.14. Expected Redis 6.2 or newer"),
    });
  });

  test("that evicts keys is refused, by producers and by workers", async () => {
    await using server = await RedisServer.start({ settings: { "maxmemory-policy": "allkeys-lru" } });
    const refused = { code: "REDIS_EVICTION", policy: "allkeys-lru" };
    expect(await startFailure({ connection: server.url })).toMatchObject(refused);
    expect(await rejection(runWorker({ module: TASKS, connection: server.url }))).toMatchObject(refused);
  });

  test("that is no Redis is told at once", async () => {
    const server = createServer((socket) =>
      socket.on("error", () => undefined).end("HTTP/1.1 400 Bad Request\r\n\r\n"),
    );
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => void server.close());
    const connection = `redis://127.0.0.1:${(server.address() as AddressInfo).port}`;
    expect(await startFailure({ connection })).toMatchObject({
      code: "REDIS_CONNECTION",
      reason: "protocol",
    });
  });
});
