import { globSync, readFileSync } from "node:fs";
import { dirname } from "node:path";

import { expect, test } from "vitest";

const ROOT = new URL("../../../", import.meta.url);

test.each(["producer", "worker", "shared"])(
  "docs/architecture.md says what each folder of %s holds",
  (name) => {
    const page = readFileSync(new URL("docs/architecture.md", ROOT), "utf8");
    const [, section = ""] = page.split(`### packages/${name}/src\n`);
    const [table = ""] = section.split(/^##/m);
    const rows = [...table.matchAll(/^\| `([\w/-]+)` /gm)].map(([, folder = ""]) => folder);
    const files = globSync("**/*.ts", { cwd: new URL(`packages/${name}/src/`, ROOT) });
    const folders = new Set(files.map((file) => dirname(file)).filter((folder) => folder !== "."));
    expect(
      [...folders].filter((folder) => !rows.includes(folder)),
      `folders without a row in docs/architecture.md, under packages/${name}/src`,
    ).toEqual([]);
    expect(
      rows.filter((row) => !folders.has(row)),
      "rows of folders that are gone",
    ).toEqual([]);
  },
);
