/** The programs and commands of the README, and of the page on the interface, are taken from their text and run, so that they can't promise what is not so. */

import { existsSync, readFileSync } from "node:fs";

import { afterAll, expect, test } from "vitest";

import { RedisServer } from "../support/redis-server.ts";
import { until } from "../support/until.ts";
import { blocksOf, commentedOutput, programsOf } from "./markdown-blocks.ts";
import { UserProject } from "./user-project.ts";

const ROOT = new URL("../../", import.meta.url);
const readme = readFileSync(new URL("README.md", ROOT), "utf8");
const blocks = blocksOf(readme);

const commands = blocks.filter(({ language }) => language === "sh").map(({ text }) => text);
const guide = blocksOf(readFileSync(new URL("docs/guide.md", ROOT), "utf8"));
const programs = { ...programsOf(blocks).files, ...programsOf(guide).files };

const project = new UserProject(programs);
afterAll(() => project[Symbol.dispose]());

/** The one block of shell that contains this. */
function command(containing: string): string {
  const [found, ...others] = commands.filter((text) => text.includes(containing));
  expect(others).toEqual([]);
  return found ?? expect.fail(`The README has no command with ${containing}`);
}

test("every block is one that these tests run", () => {
  const files = ["tasks.ts", "main.ts", "producer.ts", "more-tasks.ts", "more.ts", "ends.ts"];
  expect(Object.keys(programs)).toEqual(files);
  expect([...blocks, ...guide].filter(({ language }) => language === "ts")).toHaveLength(6);
  expect(commands).toHaveLength(5);
});

test("the two commands are there", () => {
  const { scripts } = JSON.parse(readFileSync(new URL("package.json", ROOT), "utf8")) as {
    scripts: Record<string, string>;
  };
  expect(command("npm start")).toBe("npm start\nnpm test\n");
  expect(scripts).toMatchObject({
    start: expect.stringMatching(/\bnode scripts\/dev\.mjs start$/),
    test: expect.stringMatching(/\bnode scripts\/dev\.mjs test$/),
  });
});

test("the fleet of containers is where it says", () => {
  // tests/containers/compose.test.ts runs it.
  expect(command("docker compose")).toBe("cd docker\ndocker compose up --build --scale worker=4\n");
  expect(existsSync(new URL("docker/compose.yaml", ROOT))).toBe(true);
});

test("the package to install is ours", () => {
  expect(command("npm install")).toBe("npm install poolmq\n");
  const manifest = new URL("packages/poolmq/package.json", ROOT);
  expect(JSON.parse(readFileSync(manifest, "utf8"))).toMatchObject({ name: "poolmq" });
});

test("the programs type-check, and wrong calls do not", async () => {
  const main = programs["main.ts"] ?? "";
  using checked = new UserProject({
    ...programs,
    "wrong-name.ts": main.replace('"increment"', '"decrement"'),
    "wrong-argument.ts": main.replace("[1, 2,", '["one", 2,'),
    "wrong-arity.ts": main.replace('"increment"', '"add"'),
  });
  const files = [...(await checked.typeErrors()).matchAll(/^(\S+)\(\d+,\d+\): error/gm)].map(
    ([, file]) => file,
  );
  expect(new Set(files)).toEqual(new Set(["wrong-argument.ts", "wrong-arity.ts", "wrong-name.ts"]));
});

test("the first example prints what its comment says", async () => {
  await using main = project.shell(command("node main.ts"));
  expect(await main.ended).toBe(0);
  expect(main.output).toBe("[ 2, 3, 4, 5, 6 ]\n");
  expect(commentedOutput(programs["main.ts"] ?? "")).toBe(main.output);
});

test.each(["more.ts", "ends.ts"])(
  "the program of the guide prints what its comments say: %s",
  async (name) => {
    await using run = project.shell(`node ${name}`);
    expect(await run.ended, run.output).toBe(0);
    expect(run.output).toBe(commentedOutput(programs[name] ?? ""));
  },
);

test("the two lines for several servers are all that it takes", async () => {
  const [, list = ""] = /`(connection: \[[^`]*\])`/.exec(readme) ?? [];
  const [, variable = ""] = /`(export REDIS_URL=[^`]*,[^`]*)`/.exec(readme) ?? [];
  await using a = await RedisServer.start({ listen: "tcp" });
  await using b = await RedisServer.start({ listen: "tcp" });
  const here = (text: string): string =>
    text.replace("redis://a:6379", a.url).replace("redis://b:6379", b.url);
  const start = command("npx poolmq worker").replace(/^export REDIS_URL=.*$/m, () => here(variable));
  const program = (programs["producer.ts"] ?? "").replace(/connection: process\.env\.REDIS_URL/, () =>
    here(list),
  );
  for (const { url } of [a, b]) for (const text of [start, program]) expect(text).toContain(url);
  using several = new UserProject({ "tasks.ts": programs["tasks.ts"] ?? "", "producer.ts": program });
  await using worker = several.shell(start);
  await until(() => worker.output.includes("worker machine ready"), { what: "the worker to be ready" });
  await using producer = several.shell("node producer.ts");
  expect(await producer.ended, producer.output).toBe(0);
  expect(producer.output).toBe(commentedOutput(programs["producer.ts"] ?? ""));
});

test("the fleet example prints what its comment says", async () => {
  await using redis = await RedisServer.start({ listen: "tcp" });
  const start = command("npx poolmq worker").replace("redis://127.0.0.1:6379", redis.url);
  expect(start).toContain(redis.url);
  await using worker = project.shell(start);
  await until(() => worker.output.includes("worker machine ready"), { what: "the worker to be ready" });

  await using producer = project.shell("node producer.ts", { REDIS_URL: redis.url });
  expect(await producer.ended).toBe(0);
  expect(producer.output).toBe("[ 3, 7, 11 ]\n");
  expect(commentedOutput(programs["producer.ts"] ?? "")).toBe(producer.output);

  worker.kill("SIGTERM");
  expect(await worker.ended).toBe(0);
});
