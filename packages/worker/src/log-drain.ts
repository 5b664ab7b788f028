import { pino } from "pino";
import type { Logger } from "pino";

/** The part of a log's destination that says whether it can keep up: that of Node's writable streams. */
export interface LogDrain {
  readonly writableNeedDrain: boolean;
  once(event: "drain", listener: () => void): unknown;
}

/** Gives the drain of a logger's destination; `undefined` if it has none, because it writes at once. */
export function drainOf(log: Logger): LogDrain | undefined {
  const destination = (log as unknown as Readonly<Record<symbol, unknown>>)[pino.symbols.streamSym];
  const drain = Object(destination) as Partial<LogDrain>;
  return typeof drain.writableNeedDrain === "boolean" && typeof drain.once === "function"
    ? (drain as LogDrain)
    : undefined;
}
