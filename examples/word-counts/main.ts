/**
 * The most frequent words in the Markdown files of a folder, by default of this project's docs. Each process counts the
 * words of its files and adds the counts up, so that only a few tables are sent and not one for each file.
 *
 *   node --conditions=@poolmq/source examples/word-counts/main.ts [folder]
 */

import { glob } from "node:fs/promises";
import { fileURLToPath } from "node:url";

import { Pool } from "@poolmq/producer";

import type * as tasks from "./tasks.ts";

const [folder = fileURLToPath(new URL("../../docs", import.meta.url))] = process.argv.slice(2);

await using pool = new Pool<typeof tasks>({
  tasks: new URL("./tasks.ts", import.meta.url),
  processes: 3,
  connection: "memory",
});

async function* markdownFiles(): AsyncGenerator<string> {
  for await (const name of glob("**/*.md", { cwd: folder })) yield `${folder}/${name}`;
}

// `initial` is the result for a folder without such files.
const counts = await pool.mapReduce("countWords", markdownFiles(), "addCounts", { initial: new Map() });
const words = [...counts].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
console.log(`${words.length} words, the most frequent:`);
for (const [word, count] of words.slice(0, 5)) console.log(`${String(count).padStart(6)}  ${word}`);
