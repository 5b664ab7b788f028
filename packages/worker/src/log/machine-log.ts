/** The log of a worker machine that is a program of its own: JSON for collectors, readable lines on a terminal. */

import { EventEmitter } from "node:events";
import { isatty } from "node:tty";

import type { Logger, pino } from "pino";

import type { Drain } from "../output/backpressure.ts";
import { loadPino } from "../output/load-pino.ts";
import { prettyLine } from "./pretty-line.ts";

/** Gives a logger that writes to a file descriptor: 1 for stdout, 2 for stderr. */
export function machineLog(level: string, fd: 1 | 2): Logger {
  return loadPino()({ level }, new LogDestination(fd));
}

/**
 * Writes in the background: if the reader of the log stalls, the supervisor must still renew its locks. The rest is
 * written when the process exits.
 */
class LogDestination extends EventEmitter<{ drain: [] }> implements Drain {
  writableNeedDrain = false;
  readonly #file: ReturnType<typeof pino.destination>;
  readonly #format: (line: string) => string;

  constructor(fd: number) {
    super();
    this.#file = loadPino().destination({ dest: fd, sync: false });
    this.#format = isatty(fd) ? prettyLine() : (line) => line;
    this.#file.on("drain", () => {
      this.writableNeedDrain = false;
      this.emit("drain");
    });
  }

  write(line: string): void {
    if (!this.#file.write(this.#format(line))) this.writableNeedDrain = true;
  }
}
