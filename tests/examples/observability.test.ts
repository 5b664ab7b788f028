/** The TypeScript of docs/observability.md is taken from its text, compiled and run. */

import { readFileSync } from "node:fs";

import { afterAll, expect, test } from "vitest";

import { blocksOf, inOneProgram, outputsOf, programsOf } from "./markdown-blocks.ts";
import { UserProject } from "./user-project.ts";

const page = readFileSync(new URL("../../docs/observability.md", import.meta.url), "utf8");
const { files, snippets } = programsOf(blocksOf(page));
const project = new UserProject({ ...files, "snippets.ts": inOneProgram(files["main.ts"] ?? "", snippets) });
afterAll(() => project[Symbol.dispose]());

test("the snippets go on from two files", () => {
  expect(Object.keys(files)).toEqual(["tasks.ts", "main.ts"]);
  expect(snippets).toHaveLength(3);
});

test("the snippets compile", async () => {
  expect(await project.typeErrors()).toBe("");
});

test("the snippets show what the page says", async () => {
  await using run = project.shell("node snippets.ts");
  expect(await run.ended, run.output).toBe(0);
  const [progress, insights, logs] = outputsOf(run.output);
  // There is no terminal to draw on.
  expect(progress).not.toContain("3 of 3");
  expect(insights).toMatch(
    /^3 items in .* on [12] process(es)?\. An item ran for .*: a `chunksize` of 1\.$/m,
  );
  for (const [index, picture] of ["mill.png", "harbour.png", "night.png"].entries()) {
    expect(logs).toMatch(new RegExp(`^${index} 30 resizing ${picture} \\S+$`, "m"));
  }
  expect(logs).toMatch(/^2 30 resized \S+$/m);
});
