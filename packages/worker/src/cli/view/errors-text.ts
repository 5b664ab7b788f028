import type { ErrorGroupView, ErrorsView } from "../../watch/queue-view.ts";

import { clean, count } from "./format.ts";
import { paint } from "./paint.ts";

/** More would hide the next group. */
const MAX_INDICES_SHOWN = 20;

/** The errors of a map, each kind with one stack. */
export function errorsText({ mapId, task, failed, groups, others }: ErrorsView): string[] {
  const head = `${clean(task)} of ${clean(mapId)}: ${count(failed)} failed`;
  return [
    paint("bold", head),
    ...groups.flatMap((group) => ["", ...groupLines(group)]),
    ...(others === 0 ? [] : ["", `and ${count(others)} of other kinds`]),
  ];
}

function groupLines({ name, message, count: times, stack, indices }: ErrorGroupView): string[] {
  const shown = indices.slice(0, MAX_INDICES_SHOWN).join(", ");
  const more = times > Math.min(indices.length, MAX_INDICES_SHOWN) ? ", …" : "";
  return [
    `${paint("red", `${count(times)} ×`)} ${paint("bold", clean(name))}: ${clean(message)}`,
    paint("dim", `  items ${shown}${more}`),
    ...(stack === null ? [] : framesOf(stack).map((line) => `  ${clean(line).trimEnd()}`)),
  ];
}

/** The lines below the message: it was shown. */
function framesOf(stack: string): string[] {
  const lines = stack.split("\n");
  const first = lines.findIndex((line) => /^\s+(at |---)/.test(line));
  return first === -1 ? [] : lines.slice(first).map((line) => line.replace(/^\s+/, "  "));
}
