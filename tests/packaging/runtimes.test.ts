/** What runs the packed packages beside the Node of these tests: an older one, Bun, Deno. */

import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { blocksOf, commentedOutput, programsOf } from "../examples/markdown-blocks.ts";
import { RedisServer } from "../support/redis-server.ts";
import { startWorker } from "../support/worker-program.ts";
import { userProjectWithPackedPackages, type UserProject } from "./packed-packages.ts";
import { runTool } from "./run-tool.ts";

let project: UserProject;
let redis: RedisServer;
/** Where the runtimes are installed: not in the project, whose packages must not see theirs. */
let runtimes: string;

beforeAll(async () => {
  [project, redis] = await Promise.all([
    userProjectWithPackedPackages(),
    RedisServer.start({ listen: "tcp" }),
  ]);
  runtimes = join(project.folder, "../runtimes");
  await mkdir(runtimes);
  await runTool(
    runtimes,
    "npm",
    "install",
    "--no-audit",
    "--no-fund",
    "--prefix",
    ".",
    "bun",
    "deno",
    "node@20",
  );
  await project.write("tasks.ts", "export function increment(x: number): number {\n  return x + 1;\n}\n");
});

afterAll(async () => {
  await redis.stop();
  await project[Symbol.asyncDispose]();
});

const program = (pool: string): string => `
import { Pool, ThreadPool } from "poolmq";
import type * as tasks from "./tasks.ts";

const module = new URL("./tasks.ts", import.meta.url);
try {
  const pool = ${pool};
  console.log(await pool.map("increment", [1, 2, 3]));
  pool.close();
  await pool.join();
} catch (error) {
  console.log((error as Error).name + ": " + (error as Error).message);
}
`;

const THREADS = program("new ThreadPool<typeof tasks>({ tasks: module, threads: 2 })");
const PROCESSES = program("new Pool<typeof tasks>({ tasks: module, processes: 2 })");

async function run(runtime: "bun" | "deno" | "node", text: string): Promise<string> {
  await project.write("program.ts", text);
  const args = runtime === "deno" ? ["run", "--allow-all", "--quiet"] : [];
  return await project.run(join(runtimes, "node_modules/.bin", runtime), ...args, "program.ts");
}

async function onFleet(runtime: "bun" | "deno"): Promise<string> {
  const queue = randomUUID();
  const worker = startWorker(join(project.folder, "tasks.ts"), { url: redis.url, queue });
  await worker.line(/worker machine ready/);
  const options = JSON.stringify({ connection: redis.url, queue });
  return await run(runtime, program(`new Pool<typeof tasks>(${options})`));
}

test("a Node that is too old says so in one sentence, whichever package is imported", async () => {
  for (const name of ["poolmq", "@poolmq/producer", "@poolmq/worker", "@poolmq/shared"]) {
    await project.write(
      "old.mjs",
      `import(${JSON.stringify(name)}).catch((error) => console.log(error.message));`,
    );
    expect(await project.run(join(runtimes, "node_modules/.bin/node"), "old.mjs"), name).toMatch(
      /^poolmq needs Node 22\.18 or newer, this is v20\.\d+\.\d+: see \S+\n$/,
    );
  }
});

test("the first program of the README runs on the oldest Node that is promised", async () => {
  const oldest = join(project.folder, "../oldest");
  await mkdir(oldest);
  await runTool(oldest, "npm", "install", "--no-audit", "--no-fund", "--prefix", ".", "node@22.18.0");
  const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
  const { "main.ts": main = "", "tasks.ts": tasks = "" } = programsOf(blocksOf(readme)).files;
  await project.write("tasks.ts", tasks);
  await project.write("main.ts", main);
  const output = await project.run(join(oldest, "node_modules/.bin/node"), "main.ts");
  expect(output).toBe(commentedOutput(main));
});

test("Bun runs a pool of threads and the producer of a fleet", async () => {
  expect(await run("bun", THREADS)).toBe("[ 2, 3, 4 ]\n");
  expect(await onFleet("bun")).toBe("[ 2, 3, 4 ]\n");
});

test("Bun refuses worker processes, and says what to do", async () => {
  expect(await run("bun", PROCESSES)).toMatch(
    /^UnsupportedRuntimeError: Worker processes need Node 22\.18 or newer, and this is Bun: use a ThreadPool, or /,
  );
});

test("Deno runs all of it", async () => {
  expect(await run("deno", THREADS)).toBe("[ 2, 3, 4 ]\n");
  expect(await run("deno", PROCESSES)).toBe("[ 2, 3, 4 ]\n");
  expect(await onFleet("deno")).toBe("[ 2, 3, 4 ]\n");
});
