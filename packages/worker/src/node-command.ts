/** How a process of this package starts another one, from the sources as well as from `dist`. */

import { existsSync } from "node:fs";

import { LocalMachineError } from "@poolmq/shared";

/**
 * True when this package runs from its TypeScript sources. In a CommonJS bundle, `import.meta.url` is undefined, whatever
 * its type says.
 */
const FROM_SOURCES: boolean = (import.meta.url as string | undefined)?.endsWith(".ts") === true;

/**
 * A module of this package, as seen from the caller's folder, with the extension that this build has:
 * `besideThis(import.meta.url, "../child/guard")`. The folder is named even if it is the caller's own, because a build joins
 * files in another one, `dist/parts`.
 *
 * @throws LocalMachineError if there is no such module, because a bundler has moved the caller without it
 */
export function besideThis(callerUrl: string | undefined, name: string): URL {
  const url = new URL(`${name}${FROM_SOURCES ? ".ts" : ".js"}`, callerUrl ?? "file:///bundle.cjs");
  if (existsSync(url)) return url;
  throw new LocalMachineError(
    `Processes and threads are started from files of @poolmq/worker, which a bundler left out (${name}.js): ` +
      "mark the packages `poolmq` and `@poolmq/*` as external, and install them where the bundle runs",
  );
}

/**
 * Flags that decide how a module loads. Others concern only the parent, such as a debugger's port, a heap size or
 * `--eval`.
 */
const INHERITED =
  /^(--import|--require|-r|--loader|--experimental-[a-z-]+|--conditions|-C|--enable-source-maps|--preserve-symlinks|--no-warnings|--disable-warning|--permission|--allow-[a-z-]+|--use-[a-z-]+-ca)(=|$)/;

/** Flags of Node for a child process: the parent's loaders and conditions, so that a tasks module loads as it does there. */
export function nodeFlags(execArgv: readonly string[] = process.execArgv): string[] {
  const flags: string[] = [];
  let keepsValue = false;
  for (const flag of execArgv) {
    // `--import ./hooks.js` is two elements: a value is kept if the flag before it is.
    keepsValue = flag.startsWith("-") ? INHERITED.test(flag) : keepsValue;
    if (keepsValue) flags.push(flag);
  }
  const condition = "--conditions=@poolmq/source";
  if (FROM_SOURCES && !flags.includes(condition)) flags.push(condition);
  return flags;
}
