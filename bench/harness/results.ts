/** Keeps what was measured: each run in the cache, and published ones in the repository. */

import { spawnSync } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

import { chart } from "./chart.ts";
import { withResults } from "./performance-page.ts";
import type { RowResult } from "./row-result.ts";

const CACHE = fileURLToPath(new URL("../../.cache/bench", import.meta.url));
const PUBLISHED = fileURLToPath(new URL("../results.json", import.meta.url));
const DOCS = fileURLToPath(new URL("../../docs", import.meta.url));

/** Writes the run, and its chart, to the cache. */
export async function save(results: readonly RowResult[]): Promise<void> {
  await mkdir(CACHE, { recursive: true });
  await writeFile(`${CACHE}/results.json`, toJson(results));
  await writeFile(`${CACHE}/results.svg`, chart(results));
}

/** Puts the run's rows in the place of the published ones. */
export async function publish(results: readonly RowResult[]): Promise<void> {
  const before = JSON.parse(await readFile(PUBLISHED, "utf8").catch(() => "[]")) as RowResult[];
  const kept = before.filter(({ id }) => !results.some((result) => result.id === id));
  const all = [...kept, ...results].sort((a, b) => a.id - b.id);
  await writeFile(PUBLISHED, toJson(all));
  await writeFile(`${DOCS}/performance.svg`, chart(all));
  const page = `${DOCS}/performance.md`;
  await writeFile(page, withResults(await readFile(page, "utf8"), all));
  // Formats the file, because `npm test` checks the format. `npm run bench` has the project's tools on PATH.
  const { error } = spawnSync("oxfmt", [page, PUBLISHED]);
  if (error !== undefined) console.error(`not formatted, run oxfmt: ${error.message}`);
}

export function toJson(results: object): string {
  // Digits beyond what can be measured only make differences hard to read.
  const round = (_key: string, value: unknown): unknown =>
    typeof value === "number" ? Number(value.toPrecision(5)) : value;
  return `${JSON.stringify(results, round, 2)}\n`;
}
