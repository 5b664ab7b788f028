import type { Logger } from "pino";

import { loadPino } from "../output/load-pino.ts";
import { currentItemLog } from "./item-log.ts";
import type { ItemLog } from "./item-log.ts";

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

/** A field of a logger and of its children: the item whose records it writes. */
const ITEM_LOG = Symbol("item log");

let root: Logger | undefined;
/** The root logger whose records go to the producers as well. */
let forwardingRoot: Logger | undefined;

/** What a record names: its task and, unless it is of a batch, its item. */
interface LoggedItem {
  readonly task: string;
  readonly mapId?: string;
  readonly index?: number;
  readonly attempt?: number;
}

/**
 * Gives a logger that names task, map, item and attempt. pino is loaded at the first use, because most tasks log nothing.
 *
 * @param itemLog - takes the records that are forwarded. @defaultValue that of the item that runs when one is written
 */
export function taskLogger(
  item: LoggedItem,
  { level, fd = RECORDS_FD, forwards = false }: RecordTarget,
  itemLog?: ItemLog,
): Logger {
  const logger = forwards
    ? (forwardingRoot ??= makeForwardingRoot(level, fd))
    : (root ??= makeRoot(level, fd));
  const { task, ...facts } = item;
  // The producer knows the task, and would take a field `task` for one of the user's.
  const child = logger.child(forwards ? facts : { task, ...facts });
  return itemLog === undefined ? child : Object.assign(child, { [ITEM_LOG]: itemLog });
}

function makeRoot(level: string, fd: number): Logger {
  const pino = loadPino();
  // Synchronous, so that what was logged before a crash is not lost.
  return pino({ level, base: null }, pino.destination({ dest: fd, sync: true }));
}

function makeForwardingRoot(level: string, fd: number): Logger {
  const pino = loadPino();
  const destination = pino.destination({ dest: fd, sync: true });
  const { values } = pino.levels;
  const isQuieter = (values[level] ?? Infinity) > (values["info"] ?? 0);
  const forwarding = {
    // Makes pino say which logger wrote.
    [pino.symbols.needsMetadataGsym]: true,
    lastLogger: undefined as { readonly [ITEM_LOG]?: ItemLog } | undefined,
    write(record: string) {
      // The supervisor leaves out records below its own level.
      destination.write(record);
      // In a batch of items, the async context does not tell whose it is.
      (this.lastLogger?.[ITEM_LOG] ?? currentItemLog())?.record(record);
    },
  };
  return pino({ level: isQuieter ? "info" : level, base: null }, forwarding);
}
