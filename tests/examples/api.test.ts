/** docs/api.md is what the sources say, and its examples are compiled and run. */

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { afterAll, describe, expect, test } from "vitest";

import { Program } from "../support/processes.ts";
import { RedisServer } from "../support/redis-server.ts";
import { until } from "../support/until.ts";
import { blocksOf, commentedOutput, inOneProgram, programsOf } from "./markdown-blocks.ts";
import { testOutputs } from "./test-outputs.ts";
import { UserProject } from "./user-project.ts";

const ROOT = new URL("../../", import.meta.url);
const { files, snippets } = programsOf(blocksOf(readFileSync(new URL("docs/api.md", ROOT), "utf8")));
const project = new UserProject({ ...files, "snippets.ts": inOneProgram(files["main.ts"] ?? "", snippets) });
afterAll(() => project[Symbol.dispose]());

test("the page is up to date", async () => {
  const script = fileURLToPath(new URL("scripts/api-docs.ts", ROOT));
  await using check = Program.file(script, { args: ["--check"] });
  expect(await check.exited, check.output).toEqual({ code: 0, signal: null });
});

test("every example is one that these tests run", () => {
  expect(Object.keys(files)).toEqual([
    "tasks.ts",
    "main.ts",
    "collect.ts",
    "worker.ts",
    "squares.ts",
    "fetch-page.ts",
    "download.ts",
  ]);
  expect(snippets.length).toBeGreaterThan(4);
});

test("the examples compile", async () => {
  expect(await project.typeErrors()).toBe("");
});

describe("an example prints what its comments say", () => {
  testOutputs(project, snippets);
});

test.each(["squares.ts", "fetch-page.ts", "download.ts"])("%s loads", async (file) => {
  await using run = project.shell(`node ${file}`);
  expect(await run.ended, run.output).toBe(0);
});

test("a worker of one example runs the map of another, whose producer died", async () => {
  await using redis = await RedisServer.start({ listen: "tcp" });
  const env = { REDIS_URL: redis.url };
  await using producer = Program.source(
    `import { Pool } from "@poolmq/producer";
    const pool = new Pool();
    pool.map("square", [1, 2, 3], { mapId: "squares-1" });
    await pool.ready(1);`,
    { env },
  );
  const meta = "poolmq:{default}:map:squares-1:meta";
  await until(async () => (await redis.admin.hget(meta, "total")) === "3", {
    what: "the map to be enqueued",
  });
  producer.kill();
  await producer.exited;

  await using collect = project.shell("node collect.ts", env);
  await using _worker = project.shell(
    `sed -i.old 's#redis://127.0.0.1:6379#${redis.url}#' worker.ts
    node worker.ts`,
    env,
  );
  expect(await collect.ended, collect.output).toBe(0);
  expect(collect.output).toContain(commentedOutput(files["collect.ts"] ?? ""));
});
