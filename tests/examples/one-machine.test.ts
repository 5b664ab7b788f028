import { readdirSync } from "node:fs";

import { expect, test } from "vitest";

import { exampleUrl, promisedOutput, runExample } from "./example.ts";

const EXPECTED = {
  "add.ts": "[ 3, 7, 11 ]",
  "increment.ts": "[ 2, 3, 4, 5, 6 ]",
  "thread-add.ts": "[ 3, 7, 11 ]",
  "thread-increment.ts": "[ 2, 3, 4, 5, 6 ]",
};

test.each(Object.entries(EXPECTED))("%s prints %s and nothing else", async (file, expected) => {
  expect(await runExample(file)).toEqual({ code: 0, output: `${expected}\n` });
  expect(promisedOutput(file)).toBe(expected);
});

test("every example of this folder is run", () => {
  const files = readdirSync(exampleUrl(".")).filter((name) => name.endsWith(".ts") && name !== "tasks.ts");
  expect(files.sort()).toEqual(Object.keys(EXPECTED));
});
