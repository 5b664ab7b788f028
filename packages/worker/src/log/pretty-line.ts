/** Log lines for people: time, level, message, then the facts, and the stack of an error below. */

import { stripVTControlCharacters, styleText } from "node:util";

/** Fields that are the same in every line, or that are shown in a place of their own. */
const HIDDEN = new Set(["level", "time", "pid", "hostname", "worker", "msg", "err"]);

/** The levels of pino, by their number, each with the color that people know it by. */
const LEVELS = new Map<unknown, { readonly name: string; readonly color: Parameters<typeof styleText>[0] }>([
  [10, { name: "TRACE", color: "gray" }],
  [20, { name: "DEBUG", color: "blue" }],
  [30, { name: "INFO", color: "green" }],
  [40, { name: "WARN", color: "yellow" }],
  [50, { name: "ERROR", color: "red" }],
  [60, { name: "FATAL", color: "bgRed" }],
]);
const OWN_LEVEL = { name: "USERLVL", color: "white" } as const;

/** Gives a function that makes one line, or one and the stack below it, of a record in JSON. */
export function prettyLine(): (record: string) => string {
  const colors = process.env["NO_COLOR"] === undefined;
  const paint = (color: Parameters<typeof styleText>[0], text: string): string =>
    // The caller knows that this goes to a terminal; `styleText` would check stdout.
    colors && text !== "" ? styleText(color, text, { validateStream: false }) : text;

  return (json) => {
    const record = Object(JSON.parse(json)) as Readonly<Record<string, unknown>>;
    const { msg } = record;
    const level = LEVELS.get(record["level"]) ?? OWN_LEVEL;
    const facts = Object.entries(record)
      .filter(([name, value]) => !HIDDEN.has(name) && value !== null && value !== false)
      .map(([name, value]) => `${name}=${plain(value)}`)
      .join(" ");
    // Tasks' text becomes part of a line, so it must not move the cursor or clear the screen.
    const text = typeof msg === "string" ? stripVTControlCharacters(msg) : "";
    const said = [paint("cyan", text), paint("dim", facts)].filter((part) => part !== "").join("  ");
    return `[${timeOfDay(record["time"])}] ${paint(level.color, level.name)}: ${said}${stackOf(record)}\n`;
  };
}

/** Gives a time in ms since 1970 as local hours, minutes, seconds and milliseconds. */
function timeOfDay(time: unknown): string {
  const date = new Date(Number(time));
  const two = (number: number): string => String(number).padStart(2, "0");
  const seconds = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return `${seconds}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

function plain(value: unknown): string {
  if (typeof value === "string" && /^[^\s"=]+$/.test(value)) return value;
  return JSON.stringify(value) ?? "";
}

function stackOf({ err }: Readonly<Record<string, unknown>>): string {
  const { stack, message } = Object(err) as { readonly stack?: unknown; readonly message?: unknown };
  const text = typeof stack === "string" ? stack : typeof message === "string" ? message : "";
  // Node's own frames are left out.
  const lines = stripVTControlCharacters(text)
    .split("\n")
    .filter((line) => !/^\s+at .*\bnode:/.test(line));
  return text === "" ? "" : `\n${lines.map((line) => `    ${line}`).join("\n")}`;
}
