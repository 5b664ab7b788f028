import { chmodSync, existsSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, expect, test } from "vitest";

import { compiledFolder } from "../../../packages/worker/src/child/keep-compiled.ts";

let parent: string;
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), "poolmq-keep-"));
});
afterEach(() => {
  rmSync(parent, { recursive: true });
});

const NAME = "node-compile-cache";

test("what was compiled is kept in a folder that nobody else can read or write", () => {
  const folder = compiledFolder(parent);
  expect(folder).toBe(join(parent, NAME));
  expect(statSync(join(parent, NAME)).mode & 0o777).toBe(0o700);
  expect(compiledFolder(parent)).toBe(folder);
});

test("nothing is kept in a folder that others may write to", () => {
  compiledFolder(parent);
  chmodSync(join(parent, NAME), 0o777);
  expect(compiledFolder(parent)).toBeUndefined();
});

test("nothing is kept where a link stands in place of the folder", () => {
  symlinkSync(tmpdir(), join(parent, NAME));
  expect(compiledFolder(parent)).toBeUndefined();
});

test("nothing is kept where there can be no folder", () => {
  writeFileSync(join(parent, NAME), "");
  expect(compiledFolder(parent)).toBeUndefined();
  expect(compiledFolder(join(parent, NAME))).toBeUndefined();
  expect(existsSync(join(parent, NAME))).toBe(true);
});
