/** The TypeScript of docs/from-python.md is taken from its text, compiled and run. */

import { readFileSync } from "node:fs";

import { afterAll, describe, expect, test } from "vitest";

import { blocksOf, inOneProgram, programsOf } from "./markdown-blocks.ts";
import { testOutputs } from "./test-outputs.ts";
import { UserProject } from "./user-project.ts";

const page = readFileSync(new URL("../../docs/from-python.md", import.meta.url), "utf8");
const { files, snippets } = programsOf(blocksOf(page));
const project = new UserProject({ ...files, "snippets.ts": inOneProgram(files["main.ts"] ?? "", snippets) });
afterAll(() => project[Symbol.dispose]());

test("the snippets go on from two files", () => {
  expect(Object.keys(files)).toEqual(["tasks.ts", "main.ts"]);
  expect(snippets.length).toBeGreaterThan(10);
});

test("the snippets compile", async () => {
  expect(await project.typeErrors()).toBe("");
});

describe("what a snippet prints is what its comments say", () => {
  testOutputs(project, snippets);
});
