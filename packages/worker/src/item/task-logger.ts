import type { Logger } from "pino";

import { loadPino } from "../output/load-pino.ts";
import { currentItemLog } from "./item-log.ts";

/** Records go to the supervisor on a pipe of their own: tasks may print what they like. */
const RECORDS_FD = 5;

/** The level and the file descriptor of a process's records. */
export interface RecordTarget {
  readonly level: string;
  /** @defaultValue the pipe to the supervisor */
  readonly fd?: number;
  /** The records of the running item go to its producer as well, from `info` on. @defaultValue false */
  readonly forwards?: boolean;
}

let root: Logger | undefined;
/** Its records go to the producers as well. */
let forwardingRoot: Logger | undefined;

/** Gives a logger that names task, map, item and attempt. Loaded at its first use: most tasks log nothing. */
export function taskLogger(
  item: {
    readonly mapId: string;
    readonly index: number;
    readonly attempt: number;
    readonly task: string;
  },
  { level, fd = RECORDS_FD, forwards = false }: RecordTarget,
): Logger {
  const logger = forwards
    ? (forwardingRoot ??= makeForwardingRoot(level, fd))
    : (root ??= makeRoot(level, fd));
  const { task, mapId, index, attempt } = item;
  // The producer of forwarded records knows the task, and takes a field of that name for the user's own.
  return logger.child(forwards ? { mapId, index, attempt } : { task, mapId, index, attempt });
}

function makeRoot(level: string, fd: number): Logger {
  const pino = loadPino();
  // Synchronously: what was logged before a crash is there.
  return pino({ level, base: null }, pino.destination({ dest: fd, sync: true }));
}

function makeForwardingRoot(level: string, fd: number): Logger {
  const pino = loadPino();
  const destination = pino.destination({ dest: fd, sync: true });
  const { values } = pino.levels;
  const isQuieter = (values[level] ?? Infinity) > (values["info"] ?? 0);
  return pino(
    { level: isQuieter ? "info" : level, base: null },
    {
      write(record) {
        // The supervisor leaves out records below its own level.
        destination.write(record);
        currentItemLog()?.record(record);
      },
    },
  );
}
