/** What users make of their programs before they run them: `tsc` into a folder, bundlers into one file. */

import { randomUUID } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { RedisServer } from "../support/redis-server.ts";
import { startWorker } from "../support/worker-program.ts";
import { userProjectWithPackedPackages, type UserProject } from "./packed-packages.ts";

const TSC = join(import.meta.dirname, "../../node_modules/.bin", "tsc");

/** As docs/typescript.md has it: BullMQ's CommonJS asks for `require`, which a module has not. */
const REQUIRE =
  '--banner:js=import { createRequire as requireFrom } from "node:module"; const require = requireFrom(import.meta.url);';

const TASKS = `
export function increment(x: number): number { return x + 1; }
export function refuse(x: number): number { throw new RangeError("no " + x); }
`;

let project: UserProject;

beforeAll(async () => {
  project = await userProjectWithPackedPackages();
  await mkdir(join(project.folder, "src"));
  await project.write("src/tasks.ts", TASKS);
});

afterAll(async () => {
  await project[Symbol.asyncDispose]();
});

const program = (options: string): string => `
import { Pool } from "poolmq";
import type * as tasks from "./tasks.ts";

async function main(): Promise<void> {
  const pool = new Pool<typeof tasks>(${options});
  console.log(await pool.map("increment", [1, 2, 3]));
  await pool.map("refuse", [1]).catch((error: unknown) => console.log((error as Error).stack));
  pool.close();
  await pool.join();
}
main().catch((error) => console.log(error.name + ": " + error.message));
`;

const LOCAL = program(`{ tasks: new URL("./tasks.ts", import.meta.url), processes: 1 }`);

/** What it prints. The stack has the frames of the program and of the task, and none of poolmq. */
const outputOf = (extension: string): RegExp =>
  new RegExp(
    `^\\[ 2, 3, 4 \\]\nRangeError: no 1\n +at refuse \\(\\S+tasks\\.${extension}:\\S+\\)\n` +
      ` +--- called by the producer: map\\(\\) ---\n +at main \\(\\S+main\\.${extension}:\\S+\\)\n`,
  );

describe("tsc", () => {
  test.each(["tasks.ts", "tasks.js"])("a program that names %s runs as it is, and built", async (name) => {
    await project.write("src/main.ts", LOCAL.replace('URL("./tasks.ts"', `URL("./${name}"`));
    const flags =
      "--ignoreConfig --module nodenext --target es2024 --rewriteRelativeImportExtensions --types node --skipLibCheck";
    await project.run(
      TSC,
      ...flags.split(" "),
      "--rootDir",
      "src",
      "--outDir",
      "dist",
      "src/main.ts",
      "src/tasks.ts",
    );
    expect(await project.run("node", "dist/main.js")).toMatch(outputOf("js"));
    expect(await project.run("node", "src/main.ts")).toMatch(outputOf("ts"));
  });
});

describe("a bundle", () => {
  let redis: RedisServer;
  let queue: string;

  beforeAll(async () => {
    redis = await RedisServer.start({ listen: "tcp" });
    queue = randomUUID();
    await project.write("src/fleet.ts", program(JSON.stringify({ connection: redis.url, queue })));
    const tools =
      "esbuild@0.28 rollup@4 @rollup/plugin-commonjs@29 @rollup/plugin-json@6 @rollup/plugin-node-resolve@16";
    await project.run("npm", "install", "--no-audit", "--no-fund", ...tools.split(" "));
  });

  afterAll(async () => {
    await redis.stop();
  });

  /** Runs a bundle of the fleet's producer, with a worker to serve it. */
  async function expectToRun(bundle: string): Promise<void> {
    const worker = startWorker(join(project.folder, "src/tasks.ts"), { url: redis.url, queue });
    await worker.line(/worker machine ready/);
    const output = await project.run("node", bundle);
    expect(output).toMatch(/^\[ 2, 3, 4 \]\nRangeError: no 1\n/);
    // The line that made the call comes first, and not this package's own, which are in the same file.
    expect(output).toMatch(/called by the producer: map\(\) ---\n\s+at [\w$]+ \(\S*bundle/);
    expect(output).not.toContain("callSite");
  }

  test.each([
    ["CommonJS, minified", "bundle-min.cjs", ["--format=cjs", "--minify"]],
    ["ESM", "bundle.mjs", ["--format=esm", REQUIRE]],
    ["ESM, with the packages left out", "bundle-external.mjs", ["--format=esm", "--packages=external"]],
  ])("of a fleet's producer by esbuild runs: %s", async (_, file, options) => {
    const flags = ["--bundle", "--platform=node", "--log-level=warning", `--outfile=${file}`];
    await project.run("node_modules/.bin/esbuild", "src/fleet.ts", ...flags, ...options);
    await expectToRun(file);
  });

  test("of a fleet's producer by rollup runs", async () => {
    await project.run("node_modules/.bin/esbuild", "src/fleet.ts", "--outfile=fleet.js");
    await project.write(
      "rollup.config.mjs",
      `import commonjs from "@rollup/plugin-commonjs";
import json from "@rollup/plugin-json";
import { nodeResolve } from "@rollup/plugin-node-resolve";
const plugins = [nodeResolve({ exportConditions: ["node"] }), commonjs({ ignoreDynamicRequires: true }), json()];
export default { input: "fleet.js", plugins };
`,
    );
    const file = "rollup-bundle.mjs";
    const output = ["--format", "es", "--file", file, "--inlineDynamicImports", "--silent"];
    await project.run("node_modules/.bin/rollup", "--config", ...output);
    await expectToRun(file);
  });

  test.each([
    [
      "CommonJS",
      "local-bundle.cjs",
      [
        "--format=cjs",
        "--define:import.meta.url=ADDRESS",
        "--banner:js=const ADDRESS = require('node:url').pathToFileURL(__filename).href;",
      ],
    ],
    ["ESM", "local-bundle.mjs", ["--format=esm", REQUIRE]],
  ])("that starts processes says what must stay outside of it: %s", async (_, file, options) => {
    await project.write("src/local.ts", LOCAL);
    const flags = ["--bundle", "--platform=node", "--log-level=error", `--outfile=${file}`];
    const build = (...more: readonly string[]): Promise<string> =>
      project.run("node_modules/.bin/esbuild", "src/local.ts", ...flags, ...options, ...more);
    await build();
    expect(await project.run("node", file)).toMatch(
      /^LocalMachineError: .* mark the packages `poolmq` and `@poolmq\/\*` as external/,
    );
    await project.write("tasks.ts", TASKS);
    await build("--external:poolmq");
    expect(await project.run("node", file)).toMatch(/^\[ 2, 3, 4 \]\n/);
  });
});
