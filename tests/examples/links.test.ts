import { existsSync, globSync, readFileSync } from "node:fs";

import { expect, test } from "vitest";

const ROOT = new URL("../../", import.meta.url);

/** What people read: the pages beside the sources, and those in docs/. */
const PAGES = globSync(
  ["*.md", "llms.txt", "docs/**/*.md", "packages/*/README.md", "tests/**/README.md", ".github/**/*.md"],
  {
    cwd: ROOT,
    exclude: (path) => path.includes("node_modules"),
  },
).toSorted();

test.each(PAGES)("what %s links to is there", (page) => {
  const url = new URL(page, ROOT);
  const links = [...readFileSync(url, "utf8").matchAll(/\]\((?!https?:|mailto:)([^)#]*)(?:#([^)]*))?\)/g)];
  const broken = links
    .map(([, path = "", anchor]) => ({ target: path === "" ? url : new URL(path, url), path, anchor }))
    .filter(
      ({ target, anchor }) =>
        !existsSync(target) || (anchor !== undefined && !anchorsOf(target).includes(anchor)),
    )
    .map(({ path, anchor }) => (anchor === undefined ? path : `${path}#${anchor}`));
  expect(broken).toEqual([]);
});

test("the index of docs/ and llms.txt lead to every page", () => {
  for (const [index, base] of [
    ["docs/README.md", "docs/"],
    ["llms.txt", ""],
  ] as const) {
    const text = readFileSync(new URL(index, ROOT), "utf8");
    const pages = globSync("docs/*.md", { cwd: ROOT }).filter((page) => page !== "docs/README.md");
    const missing = pages.filter((page) => !text.includes(`(${page.slice(base.length)})`));
    expect(missing, index).toEqual([]);
  }
});

test("the sources and folders that the architecture names are there", () => {
  const text = readFileSync(new URL("docs/architecture.md", ROOT), "utf8");
  const files = [...text.matchAll(/`((?:producer|shared|worker)\/src\/[\w/.-]+)`/g)].map(
    ([, file = ""]) => file,
  );
  expect(files.length).toBeGreaterThan(5);
  expect(files.filter((file) => !existsSync(new URL(`packages/${file}`, ROOT)))).toEqual([]);
});

/** The anchors that GitHub gives the headings of a page. */
function anchorsOf(page: URL): string[] {
  const headings = [...readFileSync(page, "utf8").matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) => heading);
  return headings.map((heading) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}
