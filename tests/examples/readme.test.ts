/** The README's programs and commands are taken from its text and run, so that it can't promise what is not so. */

import { existsSync, readFileSync } from "node:fs";

import { afterAll, expect, test } from "vitest";

import { RedisServer } from "../support/redis-server.ts";
import { until } from "../support/until.ts";
import { blocksOf, commentedOutput, programsOf } from "./markdown-blocks.ts";
import { UserProject } from "./user-project.ts";

const ROOT = new URL("../../", import.meta.url);
const blocks = blocksOf(readFileSync(new URL("README.md", ROOT), "utf8"));

const commands = blocks.filter(({ language }) => language === "sh").map(({ text }) => text);
const { files: programs } = programsOf(blocks);

const project = new UserProject(programs);
afterAll(() => project[Symbol.dispose]());

/** The one block of shell that contains this. */
function command(containing: string): string {
  const [found, ...others] = commands.filter((text) => text.includes(containing));
  expect(others).toEqual([]);
  return found ?? expect.fail(`The README has no command with ${containing}`);
}

test("every block is one that these tests run", () => {
  expect(Object.keys(programs)).toEqual(["tasks.ts", "main.ts", "producer.ts", "more-tasks.ts", "more.ts"]);
  expect(blocks.filter(({ language }) => language === "ts")).toHaveLength(5);
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

test("the packages to install are ours", () => {
  const names = command("npm install").match(/@poolmq\/\w+/g) ?? [];
  expect(names).toEqual(["@poolmq/producer", "@poolmq/worker"]);
  for (const name of names) {
    const manifest = new URL(`packages/${name.replace("@poolmq/", "")}/package.json`, ROOT);
    expect(JSON.parse(readFileSync(manifest, "utf8"))).toMatchObject({ name });
  }
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

test("the example of the other calls prints what its comments say", async () => {
  await using more = project.shell("node more.ts");
  expect(await more.ended, more.output).toBe(0);
  expect(more.output).toBe(commentedOutput(programs["more.ts"] ?? ""));
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
