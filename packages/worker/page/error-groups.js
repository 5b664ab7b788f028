/** Errors of the same kind as one: how often, where, and one stack. */

import { h } from "./preact.js";
import { count, duration, plural, ranges } from "./format.js";
import { More } from "./more.js";

/** @typedef {import("../src/watch/queue-view.ts").ErrorsView} ErrorsView */

/** Indices that are listed; the rest is counted. */
const INDICES = 12;

/** Kinds that are shown unasked. */
const KINDS = 20;
const KINDS_NARROW = 5;

/** Maps of one kind of error that are named; the others are counted. */
const MAPS = 5;

/**
 * The same error of the same task in several maps is one: a series of maps that fail alike is one trouble.
 *
 * @param {readonly ErrorsView[]} errors
 */
function merged(errors) {
  /** @type {Map<string, { key: string, task: string, name: string, message: string, messagesDiffer: boolean, stack: string | null, count: number, lastAtMs: number | null, of: { mapId: string, count: number, indices: readonly number[] }[] }>} */
  const kinds = new Map();
  for (const { mapId, task, groups } of errors) {
    for (const { name, message, messagesDiffer, stack, count: times, lastAtMs, indices } of groups) {
      const key = `${task} ${name} ${message.replace(/\d+/g, "#")}`;
      const kind = kinds.get(key) ?? {
        key,
        task,
        name,
        message,
        messagesDiffer,
        stack,
        count: 0,
        lastAtMs: null,
        of: [],
      };
      kinds.set(key, kind);
      kind.messagesDiffer ||= messagesDiffer || message !== kind.message;
      kind.count += times;
      if (lastAtMs !== null) kind.lastAtMs = Math.max(kind.lastAtMs ?? 0, lastAtMs);
      kind.of.push({ mapId, count: times, indices });
    }
  }
  return [...kinds.values()];
}

/** @typedef {ReturnType<typeof merged>[number]} Kind */

/** @param {{ errors: readonly ErrorsView[], nowMs: number, ofOneMap?: boolean }} props */
export function ErrorGroups({ errors, nowMs, ofOneMap = false }) {
  const groups = merged(errors).toSorted((a, b) => b.count - a.count);
  if (groups.length === 0) return h("p", { class: "quiet" }, "None.");
  const others = errors.reduce((sum, { others: more }) => sum + more, 0);
  return h(
    "div",
    { class: "errors" },
    h(More, {
      list: groups,
      first: KINDS,
      firstNarrow: KINDS_NARROW,
      noun: "kinds of errors",
      draw: (shown) =>
        /** @type {readonly Kind[]} */ (shown).map((kind) =>
          h(Group, { key: kind.key, kind, nowMs, ofOneMap }),
        ),
    }),
    others === 0 ? null : h("p", { class: "quiet" }, `and ${plural(others, "failed item")} of other kinds`),
  );
}

/** @param {{ kind: Kind, nowMs: number, ofOneMap: boolean }} props */
function Group({ kind, nowMs, ofOneMap }) {
  const { of, task, name, message, messagesDiffer, count: times, lastAtMs, stack } = kind;
  const last = lastAtMs === null ? "" : `last ${duration(Math.max(0, nowMs - lastAtMs))} ago`;
  const maps = of.length > 1 ? `${task}, ${plural(of.length, "map")}` : task;
  return h(
    "details",
    {},
    h(
      "summary",
      {},
      h("span", { class: "times" }, `${count(times)}×`),
      h(
        "span",
        { class: "what" },
        h("b", {}, name),
        message === "" ? "" : messagesDiffer ? ": e.g. " : ": ",
        h("span", {}, message),
      ),
      h(
        "span",
        { class: "quiet where" },
        ofOneMap ? null : h("span", {}, maps),
        last === "" ? null : h("span", {}, last),
      ),
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
    stack === null ? null : h("pre", { tabIndex: 0, "aria-label": `Stack of ${name}` }, stack),
  );
}
