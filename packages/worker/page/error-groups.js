/** Errors of the same kind as one: how often, where, and one stack. */

import { h } from "./preact.js";
import { count, plural, ranges } from "./format.js";

/** @typedef {import("../src/watch/queue-view.ts").ErrorsView} ErrorsView */

/** Indices that are listed; the rest is counted. */
const INDICES = 12;

/** @param {{ errors: readonly ErrorsView[], ofOneMap?: boolean }} props */
export function ErrorGroups({ errors, ofOneMap = false }) {
  const groups = errors
    .flatMap(({ mapId, task, groups: of }) => of.map((group) => ({ ...group, mapId, task })))
    .toSorted((a, b) => b.count - a.count);
  if (groups.length === 0) return h("p", { class: "quiet" }, "None.");
  const others = errors.reduce((sum, { others: more }) => sum + more, 0);
  return h(
    "div",
    { class: "errors" },
    groups.map(({ mapId, task, name, message, count: times, stack, indices }) =>
      h(
        "details",
        { key: `${mapId} ${name} ${message}` },
        h(
          "summary",
          {},
          h("span", { class: "times" }, `${count(times)}×`),
          h("span", { class: "what" }, h("b", {}, name), message === "" ? "" : ": ", h("span", {}, message)),
          ofOneMap ? null : h("span", { class: "quiet where" }, task),
        ),
        h(
          "p",
          {},
          ofOneMap
            ? null
            : [h("a", { href: `#/maps/${encodeURIComponent(mapId)}` }, `${task} ${mapId}`), ", "],
          `${plural(indices.length, "item").replace(/^[\d,]+ /, "")} ${ranges(indices.slice(0, INDICES))}`,
          times > INDICES ? ` and ${count(times - Math.min(INDICES, indices.length))} more` : "",
        ),
        stack === null ? null : h("pre", { tabIndex: 0 }, stack),
      ),
    ),
    others === 0 ? null : h("p", { class: "quiet" }, `and ${plural(others, "failed item")} of other kinds`),
  );
}
