/** The TypeScript of docs/recipes.md is taken from its text, compiled and run. */

import { readFileSync } from "node:fs";

import { afterAll, describe, expect, test } from "vitest";

import { blocksOf, inOneProgram, programsOf } from "./markdown-blocks.ts";
import { testOutputs } from "./test-outputs.ts";
import { UserProject } from "./user-project.ts";

const page = readFileSync(new URL("../../docs/recipes.md", import.meta.url), "utf8");
const { files, snippets } = programsOf(blocksOf(page));
const project = new UserProject({ ...files, "snippets.ts": inOneProgram(files["main.ts"] ?? "", snippets) });
afterAll(() => project[Symbol.dispose]());

test("the recipes compile", async () => {
  expect(Object.keys(files)).toEqual(["tasks.ts", "main.ts"]);
  expect(snippets).toHaveLength(7);
  expect(await project.typeErrors()).toBe("");
});

describe("what a recipe prints is what its comments say", () => {
  testOutputs(project, snippets);
});
