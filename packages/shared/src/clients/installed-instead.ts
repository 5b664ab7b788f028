/**
 * Whether the installed BullMQ and ioredis are to be loaded in place of the copy of them that the build makes (`clients.ts`).
 * The copy loads faster. The installed packages are loaded where one of them has another version than the copy, or one of
 * those that they need has: so an update that a user makes takes effect without a new version of poolmq.
 */

import { existsSync, readFileSync, realpathSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** A package's name, its version in the copy, and the index in the list of the package that needs it: none if poolmq does. */
export type Copied = readonly [name: string, version: string, neededBy?: number];

/**
 * What loads the installed packages, if they are to be loaded.
 *
 * @param copied - the packages in the copy, each after the one that needs it
 * @param url - the file that asks: none in a bundle of the user's in CommonJS, where there is nothing but the copy
 */
export function installedInstead(
  copied: readonly Copied[],
  url: string | undefined,
): NodeJS.Require | undefined {
  if (url?.startsWith("file:") !== true) return undefined;
  const folders: (string | undefined)[] = [];
  for (const [name, version, neededBy] of copied) {
    const needing = neededBy === undefined ? dirname(fileURLToPath(url)) : folders[neededBy];
    const folder = needing === undefined ? undefined : installedAt(name, needing);
    folders.push(folder);
    // A bundle of the user's may run where nothing is installed.
    if (folder !== undefined && versionIn(folder) !== version) return createRequire(url);
  }
  // For those who have changed the files of a package, and not its version.
  return process.env["POOLMQ_INSTALLED_CLIENTS"] === "1" ? createRequire(url) : undefined;
}

/** Where Node finds a package that a file of this folder imports. */
function installedAt(name: string, from: string): string | undefined {
  for (let folder = from; ; folder = dirname(folder)) {
    const place = join(folder, "node_modules", name);
    // A package manager may keep it elsewhere, with what it needs beside it.
    if (existsSync(join(place, "package.json"))) return realpathSync(place);
    if (folder === dirname(folder)) return undefined;
  }
}

function versionIn(folder: string): unknown {
  const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as { version?: unknown };
  return manifest.version;
}
