/**
 * `pnpm docs:api`: writes docs/api.md from the doc comments of the packages' exports.
 *
 *   node scripts/api-docs.ts            writes it
 *   node scripts/api-docs.ts --check    says whether it is up to date, by its exit code
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { format } from "oxfmt";

import { readExports } from "./api-docs/read-exports.ts";
import type { Exported } from "./api-docs/read-exports.ts";
import { packageToMarkdown } from "./api-docs/to-markdown.ts";

const ROOT = new URL("../", import.meta.url);
const PAGE = new URL("docs/api.md", ROOT);

const PACKAGES = [
  ["@poolmq/producer", "For the programs that call."],
  ["@poolmq/producer/progress", "For people who watch a map on a terminal."],
  [
    "@poolmq/worker",
    "For worker machines and for tasks modules. Its command is `poolmq worker`, which tells its options with `--help`.",
  ],
] as const;

const indexes = new Map(
  ["producer", "producer/progress", "worker", "shared"].map((door) => {
    const [folder, file = "index"] = door.split("/");
    return [`@poolmq/${door}`, fileURLToPath(new URL(`packages/${folder}/src/${file}.ts`, ROOT))];
  }),
);

async function makePage(): Promise<string> {
  const intro = readFileSync(new URL("api-docs/intro.md", import.meta.url), "utf8").trim();
  const read = readExports(
    PACKAGES.map(([name]) => indexes.get(name) ?? ""),
    indexes,
  );
  const silent = read.flat().flatMap(undocumented);
  if (silent.length > 0) throw new Error(`No doc comment: ${silent.join(", ")}`);
  const names = new Set(read.flat().map(({ name }) => name));
  const parts = PACKAGES.map(([name, says], i) => packageToMarkdown(name, says, read[i] ?? [], names));
  const options = JSON.parse(readFileSync(new URL(".oxfmtrc.json", ROOT), "utf8")) as {
    readonly printWidth: number;
  };
  const { code, errors } = await format("api.md", `${[intro, ...parts].join("\n\n")}\n`, {
    printWidth: options.printWidth,
  });
  if (errors.length > 0) throw new Error(errors.map(({ message }) => message).join("\n"));
  return code;
}

/**
 * Names the parts of an export that lack a doc comment. An error's `code` and constructor need none, because the class
 * has one.
 */
function undocumented({ name, doc, kind, members }: Exported): string[] {
  const isError = kind === "class" && name.endsWith("Error");
  const silent = members.filter((member) => {
    return member.doc.text === "" && !(isError && (member.name === "code" || member.kind === "constructor"));
  });
  return [...(doc.text === "" ? [name] : []), ...silent.map((member) => `${name}.${member.name}`)];
}

const page = await makePage();
if (process.argv.includes("--check")) {
  const isCurrent = readFileSync(PAGE, "utf8") === page;
  if (!isCurrent) console.error("docs/api.md is out of date: run `pnpm docs:api`");
  process.exitCode = isCurrent ? 0 : 1;
} else {
  writeFileSync(PAGE, page);
}
