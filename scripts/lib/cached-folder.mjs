import { existsSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { CACHE } from "./places.mjs";

/**
 * A folder of the cache that is there whole or not at all: `fill` works in a temporary one, which takes its place at
 * the end. So an interrupted run leaves no half of a tool, and two runs at once do no harm.
 *
 * @param {string} name
 * @param {(folder: string) => Promise<void>} fill
 */
export async function cachedFolder(name, fill) {
  const folder = `${CACHE}/${name}`;
  if (existsSync(folder)) return folder;
  const temporary = `${folder}.${process.pid}`;
  await mkdir(temporary, { recursive: true });
  try {
    await fill(temporary);
    await rename(temporary, folder);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    // Lost the race against another run: its folder is as good.
    if (!existsSync(folder)) throw error;
  }
  return folder;
}
