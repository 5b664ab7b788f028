import { createRequire } from "node:module";

import type { Logger, pino as Pino } from "pino";

let root: Logger | undefined;

/** Gives a logger that names map, item and process. Loaded at its first use: most tasks log nothing. */
export function taskLogger(item: { readonly mapId: string; readonly index: number }): Logger {
  if (root === undefined) {
    const { pino } = createRequire(import.meta.url)("pino") as { pino: typeof Pino };
    // To stdout, synchronously: what was logged before a crash is there.
    root = pino({ base: { pid: process.pid } }, pino.destination({ dest: 1, sync: true }));
  }
  return root.child(item);
}
