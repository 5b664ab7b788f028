/** A line of a machine's log, for people. */

import type { LeftOut, MachineLine } from "../../watch/log-reader.ts";

import { clean, count } from "./format.ts";
import { paint } from "./paint.ts";
import type { Style } from "./paint.ts";

/** Fields that are printed in a place of their own, or that are the same in every line. */
const SHOWN = new Set(
  "level time pid hostname worker msg err mapId index task childPid from attempt".split(" "),
);

const LEVELS = new Map<unknown, readonly [name: string, style: Style]>([
  [10, ["TRACE", "gray"]],
  [20, ["DEBUG", "blue"]],
  [30, ["INFO ", "green"]],
  [40, ["WARN ", "yellow"]],
  [50, ["ERROR", "red"]],
  [60, ["FATAL", "red"]],
]);

/** One line, and the stack of an error below it. */
export function logText(line: MachineLine | LeftOut): string {
  if ("leftOut" in line) {
    return paint(
      "yellow",
      `… ${count(line.leftOut)} lines of ${clean(line.worker)} are not shown: they came too fast`,
    );
  }
  const { atMs, host, record } = line;
  const [level, style] = LEVELS.get(record["level"]) ?? ["     ", "white"];
  const time = Number.isSafeInteger(atMs) && atMs > 0 ? new Date(atMs).toISOString().slice(11, 23) : "";
  const facts = Object.entries(record)
    .filter(([name, value]) => !SHOWN.has(name) && value !== null && value !== false)
    .map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join(" ");
  const parts = [
    paint("dim", time),
    paint(style, level),
    clean([host, ...pidOf(record)].join(":")),
    clean(itemOf(record)),
    clean(textOf(record["msg"])),
    paint("dim", clean(facts)),
  ];
  return parts.filter((part) => part !== "").join("  ") + stackOf(record["err"]);
}

function itemOf({ task, mapId, index, attempt }: MachineLine["record"]): string {
  if (typeof mapId !== "string") return "";
  const again = Number(attempt) > 1 ? ` attempt ${String(attempt)}` : "";
  return `${textOf(task)}[${typeof index === "number" ? index : ""}] of ${mapId}${again}`;
}

function pidOf({ childPid }: MachineLine["record"]): number[] {
  return typeof childPid === "number" ? [childPid] : [];
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function stackOf(err: unknown): string {
  const stack = textOf((Object(err) as { readonly stack?: unknown }).stack);
  return stack
    .split("\n")
    .filter((frame) => frame !== "")
    .map((frame) => `\n    ${clean(frame)}`)
    .join("");
}
