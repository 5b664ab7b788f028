import { globSync, readFileSync } from "node:fs";

import { expect, test } from "vitest";

import * as producer from "@poolmq/producer";
import * as shared from "@poolmq/shared";
import { PoolmqError } from "@poolmq/shared";
import * as worker from "@poolmq/worker";

const ROOT = new URL("../../../", import.meta.url);

/** Those that only the command line meets: it prints them, and nobody can catch them. */
const OF_COMMANDS: ReadonlySet<string> = new Set(["DashboardPortError", "SignalPortError"]);

/** Of other libraries, of Node and of Python, which the documents compare with, or forbid. */
const FOREIGN: ReadonlySet<string> = new Set([
  "AggregateError",
  "DelayedError",
  "EvalError",
  "RangeError",
  "ReferenceError",
  "ReplyError",
  "SuppressedError",
  "SyntaxError",
  "TimeoutError",
  "TypeError",
  "URIError",
  "ValueError",
]);

function read(path: string): string {
  return readFileSync(new URL(path, ROOT), "utf8");
}

/** Every class of an error in the sources, with its code. */
const CLASSES = globSync("packages/*/src/**/*.ts", { cwd: ROOT }).flatMap((file) =>
  [
    ...read(file).matchAll(/class (?<name>\w+) extends PoolmqError \{\s+readonly code = "(?<code>\w+)";/g),
  ].map(({ groups }) => ({ name: groups?.["name"] ?? "", code: groups?.["code"] ?? "" })),
);

function classesIn(module: object): string[] {
  return Object.entries(module)
    .filter(([, value]: [string, unknown]) => {
      return (
        typeof value === "function" && (value as { prototype: unknown }).prototype instanceof PoolmqError
      );
    })
    .map(([name]) => name);
}

test("every error has a code of its own", () => {
  const classes = globSync("packages/*/src/**/*.ts", { cwd: ROOT }).flatMap((file) => [
    ...read(file).matchAll(/class \w+ extends PoolmqError/g),
  ]);
  expect(CLASSES).toHaveLength(classes.length);
  expect(new Set(CLASSES.map(({ code }) => code)).size).toBe(CLASSES.length);
});

test("every error can be imported by those who meet it", () => {
  const exported = new Set([...classesIn(producer), ...classesIn(worker)]);
  const missing = CLASSES.filter(({ name }) => !exported.has(name) && !OF_COMMANDS.has(name));
  expect(missing).toEqual([]);
  expect(classesIn(shared).filter((name) => !classesIn(producer).includes(name))).toEqual([]);
});

test("docs/errors.md has a row for every error, with its code, cause and remedy, and no other", () => {
  const rows = [...read("docs/errors.md").matchAll(/^\| `(\w+)` +\| `(\w+)` +\| (.+?) +\| (.+?) +\|$/gm)];
  const listed = rows.map(([, code, name]) => `${code} ${name}`);
  expect(listed.toSorted()).toEqual(CLASSES.map(({ code, name }) => `${code} ${name}`).toSorted());
  for (const [row, , , cause, remedy] of rows) {
    expect(cause, row).toMatch(/\w.*\.$/);
    expect(remedy, row).toMatch(/\w.*\.$/);
  }
});

test("no document speaks of an error that there is not", () => {
  const known = new Set(["PoolmqError", ...CLASSES.map(({ name }) => name), ...FOREIGN]);
  const files = ["README.md", "CHANGELOG.md", ...globSync("docs/**/*.md", { cwd: ROOT })];
  const unknown = files.flatMap((file) =>
    [...read(file).matchAll(/`([A-Z]\w+Error)\b/g)].flatMap(([, name = ""]) =>
      known.has(name) ? [] : [`${file}: ${name}`],
    ),
  );
  expect(unknown).toEqual([]);
});
