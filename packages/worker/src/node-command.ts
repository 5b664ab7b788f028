/** How a process of this package starts another one, from the sources as well as from `dist`. */

import { extname } from "node:path";
import { fileURLToPath } from "node:url";

/** True when this package runs from its TypeScript sources. */
const FROM_SOURCES: boolean = extname(fileURLToPath(import.meta.url)) === ".ts";

/** The module beside the caller's, with the extension that this build has: `besideThis(import.meta.url, "./guard")`. */
export function besideThis(callerUrl: string, name: string): URL {
  return new URL(`${name}${FROM_SOURCES ? ".ts" : ".js"}`, callerUrl);
}

/** Flags that decide how a module loads. Others are the parent's own affair: a debugger's port, a heap size, `--eval`. */
const INHERITED =
  /^(--import|--require|-r|--loader|--experimental-[a-z-]+|--conditions|-C|--enable-source-maps|--preserve-symlinks|--no-warnings|--disable-warning|--permission|--allow-[a-z-]+|--use-[a-z-]+-ca)(=|$)/;

/** Flags of Node for a child process: the parent's loaders and conditions, so that a tasks module loads as it does there. */
export function nodeFlags(execArgv: readonly string[] = process.execArgv): string[] {
  const flags: string[] = [];
  let keepsValue = false;
  for (const flag of execArgv) {
    // `--import ./hooks.js` is two elements: a value follows the flag before it.
    keepsValue = flag.startsWith("-") ? INHERITED.test(flag) : keepsValue;
    if (keepsValue) flags.push(flag);
  }
  const condition = "--conditions=@poolmq/source";
  if (FROM_SOURCES && !flags.includes(condition)) flags.push(condition);
  return flags;
}
