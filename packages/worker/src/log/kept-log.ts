import { pino } from "pino";
import type { Logger } from "pino";

import { RecentLines } from "./recent-lines.ts";

/** Gives a logger that writes like `log`, adds `facts` to each line, and keeps its last lines. */
export function keptLog(
  logger: Logger,
  facts: Readonly<Record<string, unknown>>,
): { readonly log: Logger; readonly recent: RecentLines } {
  const recent = new RecentLines();
  const log = logger.child(facts);
  const holder = log as unknown as Record<symbol, object | undefined>;
  const destination = holder[pino.symbols.streamSym];
  // A logger that is not pino has no such stream, and its lines are not kept.
  if (destination !== undefined) holder[pino.symbols.streamSym] = tee(destination, recent);
  return { log, recent };
}

function tee(destination: object, recent: RecentLines): object {
  const write = (line: string): void => {
    recent.add(line);
    (destination as { write(text: string): void }).write(line);
  };
  return new Proxy(destination, {
    get(target, name) {
      if (name === "write") return write;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
}
