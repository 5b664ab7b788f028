import type { ErrorGroupView, ErrorsView } from "../../watch/queue-view.ts";

import { clean, count, duration } from "./format.ts";
import { paint } from "./paint.ts";

/** The most indices that are listed for a group, so that the next group is not pushed out of sight. */
const MAX_INDICES_SHOWN = 20;

/**
 * The errors of a map, each kind with one stack.
 *
 * @param nowMs - by Redis's clock
 */
export function errorsText({ mapId, task, failed, groups, others }: ErrorsView, nowMs: number): string[] {
  const head = `${clean(task)} of ${clean(mapId)}: ${count(failed)} failed`;
  return [
    paint("bold", head),
    ...groups.flatMap((group) => ["", ...groupLines(group, nowMs)]),
    ...(others === 0 ? [] : ["", `and ${count(others)} of other kinds`]),
  ];
}

function groupLines(
  { name, message, messagesDiffer, count: times, lastAtMs, stack, indices }: ErrorGroupView,
  nowMs: number,
): string[] {
  const shown = indices.slice(0, MAX_INDICES_SHOWN).join(", ");
  const more = times > Math.min(indices.length, MAX_INDICES_SHOWN) ? ", …" : "";
  const last = lastAtMs === null ? "" : `, the last ${duration(Math.max(0, nowMs - lastAtMs))} ago`;
  return [
    `${paint("red", `${count(times)} ×`)} ${paint("bold", clean(name))}: ${messagesDiffer ? "e.g. " : ""}${clean(message)}`,
    paint("dim", `  items ${shown}${more}${last}`),
    ...(stack === null ? [] : framesOf(stack).map((line) => `  ${clean(line).trimEnd()}`)),
  ];
}

/** The lines of the stack below the message, which is printed already. */
function framesOf(stack: string): string[] {
  const lines = stack.split("\n");
  const first = lines.findIndex((line) => /^\s+(at |---)/.test(line));
  return first === -1 ? [] : lines.slice(first).map((line) => line.replace(/^\s+/, "  "));
}
