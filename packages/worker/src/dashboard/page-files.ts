/**
 * The files of the page. They are few and small and kept in memory, so that no request ever names a path of the file
 * system.
 */

import { readdir, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

export interface PageFile {
  readonly type: string;
  readonly content: Buffer;
}

/** Beside `src` and `dist`, because its files are served without being built. */
const FOLDER = new URL("../../page/", import.meta.url);

const TYPES: ReadonlyMap<string, string> = new Map([
  ["html", "text/html; charset=utf-8"],
  ["css", "text/css; charset=utf-8"],
  ["js", "text/javascript; charset=utf-8"],
  ["svg", "image/svg+xml"],
]);

/** Gives the page's files by name. */
export async function readPageFiles(): Promise<ReadonlyMap<string, PageFile>> {
  const files = new Map<string, PageFile>();
  for (const name of await readdir(FOLDER)) {
    const type = TYPES.get(name.slice(name.lastIndexOf(".") + 1));
    if (type !== undefined) files.set(name, { type, content: await readFile(new URL(name, FOLDER)) });
  }
  // The library that the page is drawn with: one module without imports.
  const preact = await readFile(fileURLToPath(import.meta.resolve("preact")));
  return files.set("preact.js", { type: "text/javascript; charset=utf-8", content: preact });
}
