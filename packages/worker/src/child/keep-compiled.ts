/**
 * Has Node keep what it makes of a tasks module in TypeScript, so that the next process or thread finds it: loading the
 * compiler that removes the types takes longer than all else that a process does until it is ready.
 */

import { lstatSync, mkdirSync } from "node:fs";
import * as nodeModule from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Where Node keeps compiled code if nobody names a place. */
const FOLDER = "node-compile-cache";

/**
 * To be called before the module is loaded. `NODE_COMPILE_CACHE` names another place, and with
 * `NODE_DISABLE_COMPILE_CACHE` nothing is kept.
 *
 * @param module - path of the tasks module
 */
export function keepCompiled(module: string): void {
  const {
    NODE_COMPILE_CACHE: place,
    NODE_DISABLE_COMPILE_CACHE: isOff,
    NODE_V8_COVERAGE: isCounting,
  } = process.env;
  // Node counts less precisely which parts of a kept function were run.
  if (!/\.[cm]?ts$/.test(module) || place || isOff || isCounting) return;
  const folder = compiledFolder();
  // Other runtimes may not have it.
  if (folder !== undefined) (nodeModule as Partial<typeof nodeModule>).enableCompileCache?.(folder);
}

/** A folder to which nobody else can write, since Node runs what it finds there. `undefined` if there can be none. */
export function compiledFolder(parent: string = tmpdir()): string | undefined {
  const folder = join(parent, FOLDER);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const found = lstatSync(folder);
    // Windows has neither user ids nor such modes: its temporary folder is the user's own.
    const isOwn =
      process.getuid === undefined || (found.uid === process.getuid() && (found.mode & 0o022) === 0);
    return found.isDirectory() && isOwn ? folder : undefined;
  } catch {
    // Nothing may be written here, or something else has this name.
    return undefined;
  }
}
