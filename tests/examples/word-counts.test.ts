import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "vitest";

import { temporaryFolder } from "../support/stage.ts";
import { runExample } from "./example.ts";

test("the words of a folder are counted, those of its subfolders too", async () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, "deeper"));
  writeFileSync(join(folder, "a.md"), "The map and the fold.");
  writeFileSync(join(folder, "deeper", "b.md"), "The constructor, and the __proto__");
  writeFileSync(join(folder, "c.txt"), "not counted");
  const { code, output } = await runExample("word-counts/main.ts", { args: [folder] });
  expect(output.split("\n").map((line) => line.trim())).toEqual([
    "6 words, the most frequent:",
    "4  the",
    "2  and",
    "1  constructor",
    "1  fold",
    "1  map",
    "",
  ]);
  expect(code).toBe(0);
});

test("a folder without files has no words", async () => {
  const { code, output } = await runExample("word-counts/main.ts", { args: [temporaryFolder()] });
  expect({ code, output }).toEqual({ code: 0, output: "0 words, the most frequent:\n" });
});
