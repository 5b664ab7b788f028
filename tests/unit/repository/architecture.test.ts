import { existsSync, globSync, readFileSync } from "node:fs";
import { basename, dirname } from "node:path";

import { expect, test } from "vitest";

const ROOT = new URL("../../../", import.meta.url);

function read(path: string): string {
  return readFileSync(new URL(path, ROOT), "utf8");
}

/** The folders that the page's table of a package has rows for, in their order. */
function documented(name: string): string[] {
  const [, section = ""] = read("docs/architecture.md").split(`### packages/${name}/src\n`);
  const [table = ""] = section.split(/^##/m);
  return [...table.matchAll(/^\| `([\w/-]+)` /gm)].map(([, folder = ""]) => folder);
}

/** The folders that the linter has an order for, from the user's side down. */
function ordered(name: string): string[] {
  const [, list = ""] = new RegExp(`^  ${name}: \\[([^\\]]*)\\]`, "m").exec(read("oxlint.config.ts")) ?? [];
  return [...list.matchAll(/"([\w/-]+)"/g)].map(([, folder = ""]) => folder);
}

function existing(name: string): string[] {
  const files = globSync("**/*.ts", { cwd: new URL(`packages/${name}/src/`, ROOT) });
  return [...new Set(files.map((file) => dirname(file)))].filter((folder) => folder !== ".");
}

test.each(["producer", "worker", "shared"])(
  "docs/architecture.md says what each folder of %s holds",
  (name) => {
    const rows = documented(name);
    const folders = existing(name);
    expect(
      folders.filter((folder) => !rows.includes(folder)),
      `folders without a row in docs/architecture.md, under packages/${name}/src`,
    ).toEqual([]);
    expect(
      rows.filter((row) => !folders.includes(row)),
      "rows of folders that are gone",
    ).toEqual([]);
  },
);

test.each(["producer", "worker", "shared"])(
  "the page has the folders of %s in the linter's order",
  (name) => {
    expect(documented(name)).toEqual(ordered(name));
    expect(
      ordered(name).filter((folder) => !existing(name).includes(folder)),
      "folders that are gone",
    ).toEqual([]);
  },
);

test("the page's table of what Redis holds has every key of the store", () => {
  const [, table = ""] = read("docs/architecture.md").split("## What Redis holds");
  const keys = [...read("packages/shared/src/store/keys/keys.ts").matchAll(/`\$\{base\}:([a-z][^`]*)`/g)].map(
    ([, key = ""]) =>
      key
        .replace(/\$\{(\w+?)Id\}/, (_, what: string) => (what === "producer" ? "<producer>" : "<id>"))
        .replace("${page}", "<page>"),
  );
  expect(keys.length).toBeGreaterThan(15);
  expect(keys.filter((key) => !table.includes(`\`${key}\``))).toEqual([]);
});

test("the files that docs/architecture.md names are there", () => {
  const named = [...read("docs/architecture.md").matchAll(/`([\w/-]+(?:\.ts)?)`/g)].map(
    ([, name = ""]) => name,
  );
  const paths = named.filter((name) => /^(?:producer|worker|shared)\/src\//.test(name));
  const files = named.filter((name) => /^[\w-]+\.ts$/.test(name));
  expect(paths.length).toBeGreaterThan(10);
  expect(files.length).toBeGreaterThan(10);
  const packages = new URL("packages/", ROOT);
  const basenames = new Set(globSync("*/src/**/*.ts", { cwd: packages }).map((path) => basename(path)));
  expect(paths.filter((path) => !existsSync(new URL(path, packages)))).toEqual([]);
  expect(files.filter((file) => !basenames.has(file))).toEqual([]);
});

test("unit tests lie in folders of the sources", () => {
  const folders = ["producer", "worker", "shared"].flatMap(existing);
  const lie = globSync("**/*.test.ts", { cwd: new URL("tests/unit/", ROOT) }).map((file) => dirname(file));
  const allowed = [".", "repository", "bench/fleet-model", ...folders];
  const elsewhere = lie.filter((folder) => !allowed.includes(folder));
  expect(elsewhere).toEqual([]);
});

/** Folders should have about fifteen files: a new one finds room, and the next asks for a folder below. */
const MOST_FILES = 18;

test("no source file has more than 300 lines, and no folder many files", () => {
  const files = globSync("*/src/**/*.ts", { cwd: new URL("packages/", ROOT) });
  const byFolder = Object.entries(Object.groupBy(files, (file) => dirname(file)));
  expect(files.filter((file) => read(`packages/${file}`).split("\n").length > 301)).toEqual([]);
  expect(byFolder.filter(([, inIt = []]) => inIt.length > MOST_FILES).map(([folder]) => folder)).toEqual([]);
});
