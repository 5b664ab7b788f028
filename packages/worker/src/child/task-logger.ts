import { createRequire } from "node:module";

import type { Logger, pino as Pino } from "pino";

/** Records go to the supervisor on a pipe of their own: tasks may print what they like. */
const RECORDS_FD = 5;

/** The level and the file descriptor of a process's records. */
export interface RecordTarget {
  readonly level: string;
  /** @defaultValue the pipe to the supervisor */
  readonly fd?: number;
}

let root: Logger | undefined;

/** Gives a logger that names map, item and attempt. Loaded at its first use: most tasks log nothing. */
export function taskLogger(
  item: { readonly mapId: string; readonly index: number; readonly attempt: number },
  { level, fd = RECORDS_FD }: RecordTarget,
): Logger {
  if (root === undefined) {
    const { pino } = createRequire(import.meta.url)("pino") as { pino: typeof Pino };
    // Synchronously: what was logged before a crash is there.
    root = pino({ level, base: null }, pino.destination({ dest: fd, sync: true }));
  }
  return root.child({ mapId: item.mapId, index: item.index, attempt: item.attempt });
}
