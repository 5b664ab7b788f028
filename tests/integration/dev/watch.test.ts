import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { Pool } from "@poolmq/producer";
import { expect, onTestFinished, test } from "vitest";

import type { Program } from "../../support/processes.ts";
import { redisForFile } from "../../support/redis-server.ts";
import { Marks, temporaryFolder } from "../../support/stage.ts";
import { uniqueQueue } from "../../support/unique.ts";
import { within } from "../../support/until.ts";
import { recordsOf, startWorker } from "../../support/worker-program.ts";

interface Tasks {
  version(): string;
  hold(log: string): string;
}

const redis = redisForFile();

/** A folder with a tasks module that has its version, and one of a file that it imports. */
function project() {
  const folder = temporaryFolder();
  const write = (name: string, text: string): void => writeFileSync(join(folder, name), text);
  mkdirSync(join(folder, "lib"));
  mkdirSync(join(folder, "node_modules"));
  write("package.json", '{ "type": "module" }');
  write("lib/part.js", 'export const PART = "a";');
  write("tasks.js", tasksOf("1"));
  return { folder, write, module: join(folder, "tasks.js") };
}

function tasksOf(version: string): string {
  return `
    import { appendFileSync } from "node:fs";
    import { PART } from "./lib/part.js";
    export function version() { return ${JSON.stringify(version)} + PART; }
    export async function hold(log) {
      appendFileSync(log, "started\\n");
      if (${JSON.stringify(version)} === "1") await new Promise(() => setInterval(() => {}, 1_000));
      return version();
    }`;
}

function watching(module: string) {
  const at = { url: redis().url, queue: uniqueQueue() };
  const program = startWorker(module, at, ["--watch"]);
  const pool = new Pool<Tasks>({ connection: at.url, queue: at.queue });
  onTestFinished(() => pool.terminate());
  return { program, pool };
}

/** Waits until the machine has come up for the nth time. */
async function serving(program: Program, times: number): Promise<void> {
  await program.line(new RegExp(`(worker machine ready[^]*){${times}}`));
}

test("a change of the module, or of what it imports, is there with the next item", async () => {
  const { write, module } = project();
  const { program, pool } = watching(module);
  expect(await pool.apply("version", [])).toBe("1a");
  write("node_modules/some.js", "changed");
  write("results.json", "changed");
  write("tasks.js", tasksOf("2"));
  await serving(program, 2);
  expect(await pool.apply("version", [])).toBe("2a");
  write("lib/part.js", 'export const PART = "b";');
  await serving(program, 3);
  expect(await pool.apply("version", [])).toBe("2b");
  const changes = recordsOf(program).filter(({ msg }) => msg.startsWith("changed"));
  expect(changes.map(({ files }) => files)).toEqual([["tasks.js"], [join("lib", "part.js")]]);
  program.kill("SIGTERM");
  expect(await within(5_000, "its end", program.exited)).toEqual({ code: 0, signal: null });
});

test("files that an editor puts in the place of others, and new folders, are seen", async () => {
  const { folder, write, module } = project();
  const { program, pool } = watching(module);
  await serving(program, 1);
  mkdirSync(join(folder, "more"));
  write("more/new.js", 'export const PART = "n";');
  write("tasks.js~", tasksOf("2").replace("./lib/part.js", "./more/new.js"));
  renameSync(join(folder, "tasks.js~"), module);
  await serving(program, 2);
  expect(await pool.apply("version", [])).toBe("2n");
  write("more/new.js", 'export const PART = "m";');
  await serving(program, 3);
  expect(await pool.apply("version", [])).toBe("2m");
});

test("a module that does not load says where, and the next change is tried", async () => {
  const { write, module } = project();
  write("tasks.js", "export function version() {}\nconst = 5;");
  const { program, pool } = watching(module);
  await program.line(/tasks\.js:2\nconst = 5;\n\s+\^[^]*waiting for a change/);
  write("tasks.js", tasksOf("2"));
  await serving(program, 1);
  expect(await pool.apply("version", [])).toBe("2a");
  write("tasks.js", "for (;;);");
  await program.line(/changed: starting anew[^]*changed: starting anew/);
  // One whose import never ends does not hold up the next one.
  write("tasks.js", tasksOf("3"));
  await serving(program, 2);
  expect(await pool.apply("version", [])).toBe("3a");
});

test("an item that still runs is run again by the new version, and is not charged", async () => {
  const { write, module } = project();
  const { program, pool } = watching(module);
  const marks = new Marks();
  const result = pool.apply("hold", [marks.log]);
  // Three losses would be the end of it.
  for (let start = 1; start <= 3; start++) {
    await marks.started(start);
    write("tasks.js", `${tasksOf("1")}// ${start}`);
  }
  await marks.started(4);
  write("tasks.js", tasksOf("2"));
  expect(await within(15_000, "the result", result)).toBe("2a");
  expect(recordsOf(program).filter(({ msg }) => msg === "item given up")).toEqual([]);
}, 40_000);
