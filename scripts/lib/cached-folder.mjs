import { existsSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { CACHE } from "./places.mjs";

/**
 * Makes a folder of the cache that is complete or absent: `fill` works in a temporary folder, which is renamed at the
 * end. So an interrupted run leaves no half of a tool, and two runs at the same time do no harm.
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
    // Another run was faster; its folder is as good.
    if (!existsSync(folder)) throw error;
  }
  return folder;
}
