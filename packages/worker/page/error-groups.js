/** Errors of the same kind as one: how often, where, and one stack. */

import { h } from "./preact.js";
import { count, plural, ranges } from "./format.js";

/** @typedef {import("../src/watch/queue-view.ts").ErrorsView} ErrorsView */

/** Indices that are listed; the rest is counted. */
const INDICES = 12;

/** Maps of one kind of error that are named; the others are counted. */
const MAPS = 5;

/**
 * The same error of the same task in several maps is one: a series of maps that fail alike is one trouble.
 *
 * @param {readonly ErrorsView[]} errors
 */
function merged(errors) {
  /** @type {Map<string, { key: string, task: string, name: string, message: string, stack: string | null, count: number, of: { mapId: string, count: number, indices: readonly number[] }[] }>} */
  const kinds = new Map();
  for (const { mapId, task, groups } of errors) {
    for (const { name, message, stack, count: times, indices } of groups) {
      const key = `${task} ${name} ${message.replace(/\d+/g, "#")}`;
      const kind = kinds.get(key) ?? { key, task, name, message, stack, count: 0, of: [] };
      kinds.set(key, kind);
      kind.count += times;
      kind.of.push({ mapId, count: times, indices });
    }
  }
  return [...kinds.values()];
}

/** @param {{ errors: readonly ErrorsView[], ofOneMap?: boolean }} props */
export function ErrorGroups({ errors, ofOneMap = false }) {
  const groups = merged(errors).toSorted((a, b) => b.count - a.count);
  if (groups.length === 0) return h("p", { class: "quiet" }, "None.");
  const others = errors.reduce((sum, { others: more }) => sum + more, 0);
  return h(
    "div",
    { class: "errors" },
    groups.map(({ key, of, task, name, message, count: times, stack }) =>
      h(
        "details",
        { key },
        h(
          "summary",
          {},
          h("span", { class: "times" }, `${count(times)}×`),
          h("span", { class: "what" }, h("b", {}, name), message === "" ? "" : ": ", h("span", {}, message)),
          ofOneMap
            ? null
            : h("span", { class: "quiet where" }, task, of.length > 1 ? `, ${plural(of.length, "map")}` : ""),
        ),
        of
          .slice(0, MAPS)
          .map(({ mapId, count: ofIt, indices }) =>
            h(
              "p",
              { key: mapId },
              ofOneMap
                ? null
                : [h("a", { href: `#/maps/${encodeURIComponent(mapId)}` }, `${task} ${mapId}`), ", "],
              `${plural(indices.length, "item").replace(/^[\d,]+ /, "")} ${ranges(indices.slice(0, INDICES))}`,
              indices[0] === undefined
                ? null
                : [
                    " · ",
                    h(
                      "a",
                      { href: `#/maps/${encodeURIComponent(mapId)}/items/${indices[0]}` },
                      `look at #${indices[0]}`,
                    ),
                  ],
              ofIt > INDICES ? ` and ${count(ofIt - Math.min(INDICES, indices.length))} more` : "",
            ),
          ),
        of.length > MAPS ? h("p", { class: "quiet" }, `and ${plural(of.length - MAPS, "map")} more`) : null,
        stack === null ? null : h("pre", { tabIndex: 0 }, stack),
      ),
    ),
    others === 0 ? null : h("p", { class: "quiet" }, `and ${plural(others, "failed item")} of other kinds`),
  );
}
