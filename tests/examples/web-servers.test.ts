/** The programs of docs/web-servers.md are taken from its text and run: the server through restarts, a crash and a deployment. */

import { readFileSync } from "node:fs";
import { join } from "node:path";

import { afterAll, expect, onTestFinished, test } from "vitest";

import { runWorker } from "@poolmq/worker";

import { redisForFile } from "../support/redis-server.ts";
import { until } from "../support/until.ts";
import { blocksOf, commentedOutput, programsOf } from "./markdown-blocks.ts";
import { UserProject, type Command } from "./user-project.ts";

const redis = redisForFile();

const page = readFileSync(new URL("../../docs/web-servers.md", import.meta.url), "utf8");
const { files, snippets } = programsOf(blocksOf(page));
const project = new UserProject({
  ...files,
  "tsconfig.build.json": JSON.stringify({
    extends: "./tsconfig.json",
    compilerOptions: { noEmit: false, experimentalDecorators: true, outDir: "dist" },
  }),
});
afterAll(() => project[Symbol.dispose]());

const TSC = join(import.meta.dirname, "../../node_modules/.bin/tsc");

/** A server of the page, on a port of its own. */
async function server(): Promise<{ readonly run: Command; readonly url: string }> {
  const run = project.shell("node server.ts", { REDIS_URL: redis().url, PORT: "0" });
  onTestFinished(() => run[Symbol.asyncDispose]());
  const [url] = await until(() => /http:\S+/.exec(run.output) ?? undefined, { what: "the server to listen" });
  return { run, url: url.replace("[::1]", "localhost") };
}

async function post(url: string, pages: readonly string[]): Promise<string> {
  const response = await fetch(`${url}/reports`, {
    method: "POST",
    body: JSON.stringify(pages),
    headers: { "content-type": "application/json" },
  });
  expect(response.status).toBe(202);
  return response.headers.get("location") ?? "";
}

/** Asks until the answer is not 202. */
async function poll(url: string): Promise<{ readonly status: number; readonly body: unknown }> {
  return await until(
    async () => {
      const response = await fetch(url);
      const body: unknown = await response.json();
      return response.status === 202 ? undefined : { status: response.status, body };
    },
    { what: "the report" },
  );
}

/** Workers that run while `step` does. */
async function withWorkers<V>(step: () => Promise<V>): Promise<V> {
  const machine = await runWorker({
    module: join(project.folder, "tasks.ts"),
    connection: redis().url,
    processes: 1,
  });
  try {
    return await step();
  } finally {
    await machine.close(0);
  }
}

const pages = Array.from({ length: 20 }, (_, n) => `page ${n}`);
const rendered = { status: 200, body: { pages: pages.map((name) => `<h1>${name}</h1>`) } };

test("the programs compile, and the module for NestJS gives a pool and ends it with the app", async () => {
  expect(Object.keys(files)).toEqual([
    "tasks.ts",
    "add-pool.ts",
    "server.ts",
    "poolmq-module.ts",
    "nest-main.ts",
  ]);
  expect(snippets).toEqual([]);
  await using run = project.shell(`${TSC} -p tsconfig.build.json\nnode dist/nest-main.js`);
  const code = await run.ended;
  expect(code, run.output).toBe(0);
  expect(run.output).toBe(commentedOutput(files["nest-main.ts"] ?? ""));
});

test("a report survives a crash of its server, a restart, and a deployment, until it is deleted", async () => {
  const crashed = await server();
  const first = await post(crashed.url, pages);
  crashed.run.kill("SIGKILL");
  await crashed.run.ended;

  const second = await server();
  expect(await withWorkers(() => poll(second.url + first))).toEqual(rendered);
  // Asked again, it is still there.
  expect(await poll(second.url + first)).toEqual(rendered);

  const restarted = await post(second.url, pages);
  second.run.kill("SIGTERM");
  expect(await second.run.ended, second.run.output).toBe(0);

  const old = await server();
  const deployed = await post(old.url, pages);
  // Two polls at once, of which nothing can be done yet.
  const waiting = await Promise.all([1, 2].map(async () => await fetch(old.url + deployed)));
  expect(waiting.map(({ status }) => status)).toEqual([202, 202]);
  const next = await server();
  expect((await fetch(next.url + deployed)).status).toBe(202);
  old.run.kill("SIGTERM");
  expect(await old.run.ended, old.run.output).toBe(0);
  await withWorkers(async () => {
    expect(await poll(next.url + restarted)).toEqual(rendered);
    expect(await poll(next.url + deployed)).toEqual(rendered);
    expect(await poll(next.url + (await post(next.url, [""])))).toEqual({
      status: 500,
      body: { message: "A page needs a name" },
    });
  });

  expect((await fetch(next.url + deployed, { method: "DELETE" })).status).toBe(204);
  expect(await poll(next.url + deployed)).toMatchObject({ status: 404 });
  expect(await poll(next.url + restarted)).toEqual(rendered);
});
