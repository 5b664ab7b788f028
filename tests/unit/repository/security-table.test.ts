import { existsSync, readFileSync } from "node:fs";

import { expect, test } from "vitest";

const WORKSPACE = new URL("../../../", import.meta.url);

test("each threat of docs/security.md has an answer and a test that is there", () => {
  const text = readFileSync(new URL("docs/security.md", WORKSPACE), "utf8");
  const rows = text.split("\n").filter((line) => /^\| \d+ /.test(line));
  expect(rows.length).toBeGreaterThanOrEqual(19);
  for (const row of rows) {
    const [, number, threat, answer, tests = ""] = row.split("|").map((cell) => cell.trim());
    expect(threat, row).not.toBe("");
    expect(answer, row).not.toBe("");
    const files = [...tests.matchAll(/`(tests\/[\w./-]+)`/g)].map(([, file = ""]) => file);
    expect(files.length, `tests of threat ${number}`).toBeGreaterThan(0);
    for (const file of files) expect(existsSync(new URL(file, WORKSPACE)), file).toBe(true);
  }
});
