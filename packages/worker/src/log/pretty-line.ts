/** Log lines for people: time, level, message, then the facts, and the stack of an error below. */

import { stripVTControlCharacters } from "node:util";

import { prettyFactory } from "pino-pretty";

/** In every line, and the same in every line; or shown in its own way. */
const HIDDEN = new Set(["level", "time", "pid", "hostname", "worker", "msg", "err"]);

const DIM = "\u001B[2m";
const PLAIN = "\u001B[22m";

/** Gives a function that makes one line, or one and the stack below it, of a record in JSON. */
export function prettyLine(): (record: string) => string {
  const colors = process.env["NO_COLOR"] === undefined;
  const format = prettyFactory({
    colorize: colors,
    translateTime: "SYS:HH:MM:ss.l",
    hideObject: true,
    ignore: "pid,hostname",
    messageFormat: (record: Readonly<Record<string, unknown>>) => {
      const { msg } = record;
      const facts = Object.entries(record)
        .filter(([name, value]) => !HIDDEN.has(name) && value !== null && value !== false)
        .map(([name, value]) => `${name}=${plain(value)}`)
        .join(" ");
      const dimmed = facts !== "" && colors ? `${DIM}${facts}${PLAIN}` : facts;
      // What a task prints is part of a line: it must not move the cursor or clear the screen.
      const text = typeof msg === "string" ? stripVTControlCharacters(msg) : "";
      return [text, dimmed].filter((part) => part !== "").join("  ") + stackOf(record);
    },
  });
  return (record) => format(record);
}

function plain(value: unknown): string {
  if (typeof value === "string" && /^[^\s"=]+$/.test(value)) return value;
  return JSON.stringify(value) ?? "";
}

function stackOf({ err }: Readonly<Record<string, unknown>>): string {
  const { stack, message } = Object(err) as { readonly stack?: unknown; readonly message?: unknown };
  const text = typeof stack === "string" ? stack : typeof message === "string" ? message : "";
  // Node's own frames say nothing to people.
  const lines = stripVTControlCharacters(text)
    .split("\n")
    .filter((line) => !/^\s+at .*\bnode:/.test(line));
  return text === "" ? "" : `\n${lines.map((line) => `    ${line}`).join("\n")}`;
}
