import { existsSync, readFileSync } from "node:fs";

import { expect, test } from "vitest";

const ROOT = new URL("../../", import.meta.url);

test.each([
  "README.md",
  "CONTRIBUTING.md",
  "CHANGELOG.md",
  "docs/architecture.md",
  "docs/api.md",
  "docs/deployment.md",
  "docs/from-python.md",
])("what %s links to is there", (page) => {
  const url = new URL(page, ROOT);
  const links = [...readFileSync(url, "utf8").matchAll(/\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)/g)];
  const targets = links.map(([, target = ""]) => target);
  expect(targets.filter((target) => !existsSync(new URL(target, url)))).toEqual([]);
});

test("the sources that the architecture names are there", () => {
  const text = readFileSync(new URL("docs/architecture.md", ROOT), "utf8");
  const files = [...text.matchAll(/`((?:producer|shared|worker)\/src\/[\w/-]+\.ts)`/g)].map(
    ([, file = ""]) => file,
  );
  expect(files.length).toBeGreaterThan(5);
  expect(files.filter((file) => !existsSync(new URL(`packages/${file}`, ROOT)))).toEqual([]);
});
