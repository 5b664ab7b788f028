import { globSync, readFileSync } from "node:fs";

import { expect, test } from "vitest";

const ROOT = new URL("../../../", import.meta.url);
const FILES = [
  ...globSync("packages/*/src/options/*-options.ts", { cwd: ROOT }),
  "packages/worker/src/worker-options.ts",
];

function read(path: string): string {
  return readFileSync(new URL(path, ROOT), "utf8");
}

/** Numbers that comments promise: `@defaultValue 5000 … readonly window?:`. */
function documented(source: string): Map<string, number> {
  const found = source.matchAll(/@defaultValue (\d+)\b(?:(?!@defaultValue)[^])*?readonly (\w+)\?:/g);
  return new Map([...found].map(([, value, name = ""]) => [name, Number(value)]));
}

/** Numbers that `DEFAULTS` objects hold, arithmetic included: `8 * 1024 * 1024`. */
function coded(source: string): Map<string, number> {
  const blocks = [...source.matchAll(/\bconst \w*DEFAULTS\b[^]*? = \{([^]*?)\} satisfies/g)];
  const fields = blocks.flatMap(([, block = ""]) => [...block.matchAll(/(\w+): ([\d_* ]+)[,\s]/g)]);
  return new Map(
    fields.map(([, name = "", value = ""]) => [
      name,
      value.split("*").reduce((product, factor) => product * Number(factor.replaceAll("_", "")), 1),
    ]),
  );
}

test("the defaults that the options' comments promise are those of the code", () => {
  const compared = FILES.flatMap((file) => {
    const source = read(file);
    const values = coded(source);
    return [...documented(source)]
      .filter(([name]) => values.has(name))
      .map(([name, promised]) => ({ file, name, promised, is: values.get(name) }));
  });
  expect(compared.length).toBeGreaterThan(10);
  expect(compared.filter(({ promised, is }) => promised !== is)).toEqual([]);
});

test("pages that give the window's default give that of the code", () => {
  const window = coded(read("packages/producer/src/options/pool-options.ts")).get("window");
  const pages = globSync(["README.md", "docs/*.md"], { cwd: ROOT });
  const given = pages.flatMap((page) =>
    [...read(page).matchAll(/`window`[^.|\n]{0,12}\(([\d,]+)/g)].map(([, figure = ""]) => ({
      page,
      figure: Number(figure.replaceAll(",", "")),
    })),
  );
  expect(given.length).toBeGreaterThan(1);
  expect(given.filter(({ figure }) => figure !== window)).toEqual([]);
});
