import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { expect, test } from "vitest";

import { temporaryFolder } from "../support/stage.ts";

const CREATE = fileURLToPath(new URL("../../packages/create-poolmq/create.js", import.meta.url));

function create(cwd: string, folder: string): { readonly status: number | null; readonly said: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [CREATE, folder], { cwd, encoding: "utf8" });
  return { status, said: stdout + stderr };
}

test.for(["my-app", "My App", "it's", "a;b"])("`cd` as it is printed goes to the project: %s", (folder) => {
  const cwd = temporaryFolder();
  const { status, said } = create(cwd, folder);
  expect(status).toBe(0);
  const [, cd = ""] = /^ +(cd .*)$/m.exec(said) ?? [];
  expect(spawnSync("sh", ["-c", `${cd} && cat package.json`], { cwd, encoding: "utf8" }).stdout).toContain(
    '"poolmq"',
  );
});

test("the folder in which one stands needs no `cd`, and may be a new Git repository", () => {
  const cwd = temporaryFolder();
  mkdirSync(join(cwd, ".git"));
  const { status, said } = create(cwd, ".");
  expect(said).toMatch(/Next:\n\n {2}npm install\n/);
  expect(status).toBe(0);
  expect(readdirSync(cwd)).toContain("package.json");
});

test("a file in place of a folder is refused in a sentence", () => {
  const cwd = temporaryFolder();
  writeFileSync(join(cwd, "taken"), "");
  expect(create(cwd, "taken")).toEqual({
    status: 1,
    said: `create-poolmq: ${join(cwd, "taken")} is a file: give the name of a new folder\n`,
  });
});
