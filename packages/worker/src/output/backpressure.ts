import type { Logger } from "pino";

import { loadPino } from "./load-pino.ts";

/** The part of Node's writable streams that says whether they keep up, which a log's destination may have too. */
export interface Drain {
  readonly writableNeedDrain: boolean;
  once(event: "drain", listener: () => void): unknown;
  removeListener(event: "drain", listener: () => void): unknown;
}

/** Gives the drain of a logger's destination; `undefined` if it has none, because it writes at once. */
export function drainOf(log: Logger): Drain | undefined {
  const destination = (log as unknown as Readonly<Record<symbol, unknown>>)[loadPino().symbols.streamSym];
  const drain = Object(destination) as Partial<Drain>;
  return typeof drain.writableNeedDrain === "boolean" && typeof drain.once === "function"
    ? (drain as Drain)
    : undefined;
}
