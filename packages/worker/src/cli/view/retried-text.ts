import type { Retried } from "../../control/retry-map.ts";
import { count, duration } from "./format.ts";

/** Says what became of a retry. */
export function retriedText(id: string, result: Retried): string {
  if ("items" in result) {
    const { items } = result;
    if (items === 0) return `${id} has no failed items that could run again`;
    return `${count(items)} ${items === 1 ? "item" : "items"} of ${id} run again: attach("${id}") gets them`;
  }
  switch (result.problem) {
    case "not found":
      return `${id} is not there: it was cancelled, or delivered without failures, or has expired`;
    case "not durable":
      return `${id} has no \`mapId\`: what it was given went with its producer`;
    case "running":
      return (
        `${id} still runs: its producer sent a sign of life ${duration(result.silentMs)} ago. ` +
        "Its failed items can be retried once it has ended"
      );
    default:
      return result satisfies never;
  }
}
