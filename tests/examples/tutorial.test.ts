/** The programs of docs/tutorial.md and docs/from-bullmq.md are taken from their text, compiled and run. */

import { readFileSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { runWorker } from "@poolmq/worker";

import { redisForFile } from "../support/redis-server.ts";
import { blocksOf, commentedOutput, programsOf } from "./markdown-blocks.ts";
import { UserProject } from "./user-project.ts";

const redis = redisForFile();

const PAGES: readonly (readonly [page: string, programs: readonly string[]])[] = [
  ["tutorial", ["main.ts", "errors.ts", "stream.ts", "fleet.ts"]],
  ["from-bullmq", ["by-hand.ts", "main.ts"]],
];

describe.each(PAGES)("docs/%s.md", (page, programs) => {
  const text = readFileSync(new URL(`../../docs/${page}.md`, import.meta.url), "utf8");
  const { files, snippets } = programsOf(blocksOf(text));
  const project = new UserProject(files);
  beforeAll(async () => {
    const module = join(project.folder, "tasks.ts");
    const machine = await runWorker({ module, connection: redis().url, processes: 1 });
    return async () => await machine.close(0);
  });
  afterAll(() => project[Symbol.dispose]());

  test("compiles", async () => {
    expect(snippets).toEqual([]);
    expect(Object.keys(files).toSorted()).toEqual(["tasks.ts", ...programs].toSorted());
    expect(await project.typeErrors()).toBe("");
  });

  test.each(programs)("%s prints what its comments say", async (name) => {
    const needsRedis = /REDIS_URL/.test(files[name] ?? "");
    await using run = project.shell(`node ${name}`, needsRedis ? { REDIS_URL: redis().url } : {});
    const code = await run.ended;
    expect(code, run.output).toBe(0);
    expect(run.output).toBe(commentedOutput(files[name] ?? ""));
  });
});
