/**
 * The main job: the gzip and brotli size of every file under a folder, through `pool.map` on all cores.
 *
 *   npm start                  the project's own node_modules: thousands of files
 *   npm start -- <folder>
 *
 * Prints a table by package, and how much faster the pool was than one process doing the same in the same run.
 */

import { availableParallelism } from "node:os";
import { isDeepStrictEqual } from "node:util";

import { byPackage } from "./by-package.ts";
import { readCommandLine, USAGE } from "./command-line.ts";
import { findFiles } from "./find-files.ts";
import { inOneProcess } from "./in-one-process.ts";
import { inPool } from "./in-pool.ts";
import { packageTable } from "./package-table.ts";
import { BROTLI_QUALITY, GZIP_LEVEL } from "./tasks.ts";
import type { FileSizes } from "./tasks.ts";

try {
  const folder = readCommandLine(process.argv.slice(2));
  if (folder === undefined) console.log(USAGE);
  else await main(folder);
} catch (error) {
  console.error(`poolmq: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}

async function main(folder: string): Promise<void> {
  const { root, files, unreadable } = findFiles(folder);
  if (files.length === 0) throw new Error(`${folder} holds no file to look at (links are not followed)`);
  const processes = availableParallelism();
  const titles = { pool: `pool of ${processes}`.padEnd(11), memory: "in memory  ", alone: "one process" };
  console.log(
    `${root}: ${count(files.length, "file")}, gzip level ${GZIP_LEVEL}, brotli quality ${BROTLI_QUALITY}`,
  );
  console.log('Runs on BullMQ and a private Redis of its own: `connection: "embedded"`.\n');

  // The pool goes first and reads the files from the disk; the other run reads them from the cache. So the order does not
  // favour the pool.
  const [results, poolMs] = await timed(() => inPool(titles.pool, files, processes, "embedded"));
  console.log(`\n${packageTable(byPackage(root, files, results))}\n`);
  tellUnreadable(unreadable.length, results);

  const [inMemory, memoryMs] = await timed(() => inPool(titles.memory, files, processes, "memory"));
  const [expected, aloneMs] = await timed(() => inOneProcess(titles.alone, files));
  console.log(`\n${titles.pool}  ${seconds(poolMs)}, the start of its processes and their Redis included`);
  console.log(`${titles.memory}  ${seconds(memoryMs)}, the same pool without a Redis`);
  console.log(`${titles.alone}  ${seconds(aloneMs)}, one file after the other`);
  compare([results, inMemory], expected, aloneMs / poolMs);
}

/** Reports and leaves out what can't be read: files come and go, and some may not be readable. */
function tellUnreadable(folders: number, results: readonly FileSizes[]): void {
  const codes = results.flatMap((result) => ("unreadable" in result ? [result.unreadable] : []));
  if (codes.length > 0)
    console.log(`${count(codes.length, "file")} could not be read (${[...new Set(codes)].join(", ")})\n`);
  if (folders > 0) console.log(`${count(folders, "folder")} could not be read\n`);
}

function compare(
  pools: readonly (readonly FileSizes[])[],
  expected: readonly FileSizes[],
  ratio: number,
): void {
  const differing = expected.filter((sizes, index) =>
    pools.some((results) => !isDeepStrictEqual(results[index], sizes)),
  ).length;
  const speed =
    ratio >= 1
      ? `${ratio.toFixed(1)} times as fast`
      : "No faster than one process: there was too little to do, or the cores were busy with something else";
  if (differing === 0) {
    console.log(`\n${speed}, and both came to the same sizes for every file.`);
  } else {
    console.log(
      `\n${speed}, but they came to different sizes for ${count(differing, "file")}: did it change meanwhile?`,
    );
    process.exitCode = 1;
  }
}

async function timed<V>(work: () => V | Promise<V>): Promise<[result: V, ms: number]> {
  const started = performance.now();
  return [await work(), performance.now() - started];
}

function count(n: number, noun: string): string {
  return `${n.toLocaleString("en")} ${noun}${n === 1 ? "" : "s"}`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1).padStart(5)} s`;
}
