/** The maps of a queue, one a row; on a narrow page, one a card. */

import { h } from "./preact.js";
import { count, duration } from "./format.js";
import { More } from "./more.js";
import { percent, ProgressBar, rateText, StateBadge, timeText } from "./progress.js";

/** @typedef {import("../src/feed/messages.ts").PageMap} MapView */

/** What is shown unasked fits a few screens; the rest is a click away. */
const SHOWN = 20;
const SHOWN_NARROW = 6;

/**
 * @param {{
 *   maps: readonly MapView[], nowMs: number, colorOf: (mapId: string) => string,
 *   none: boolean, onCancel: ((map: MapView) => void) | undefined,
 * }} props
 */
export function MapsTable({ maps, nowMs, colorOf, none, onCancel }) {
  if (maps.length === 0) {
    if (none) return h("p", { class: "quiet" }, "No map is like that.");
    return h("p", { class: "quiet" }, "No maps. Those that run for more than a second show here.");
  }
  return h(More, {
    list: maps,
    first: SHOWN,
    firstNarrow: SHOWN_NARROW,
    noun: "maps",
    draw: (list) => {
      const shown = /** @type {readonly MapView[]} */ (list);
      return h(
        "table",
        { class: "maps" },
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            ["Task", "State", "Progress", "Items/s", "Time", "Run time"].map((name) =>
              h("th", { scope: "col" }, name),
            ),
            onCancel === undefined
              ? null
              : h("th", { scope: "col" }, h("span", { class: "hidden" }, "Actions")),
          ),
        ),
        h(
          "tbody",
          {},
          shown.map((map) => h(MapRow, { key: map.id, map, nowMs, colorOf, onCancel })),
        ),
      );
    },
  });
}

/**
 * @param {{
 *   map: MapView, nowMs: number, colorOf: (mapId: string) => string,
 *   onCancel: ((map: MapView) => void) | undefined,
 * }} props
 */
function MapRow({ map, nowMs, colorOf, onCancel }) {
  const { id, task, call, state, total, done, failed, runTimes } = map;
  return h(
    "tr",
    { class: state },
    h(
      "th",
      { scope: "row", class: "task" },
      h("a", { href: `#/maps/${encodeURIComponent(id)}` }, h("i", { class: `swatch ${colorOf(id)}` }), task),
      h("span", { class: "quiet id", title: id }, `${call} ${id}`),
    ),
    h("td", { class: "state" }, h(StateBadge, { map })),
    h(
      "td",
      { class: "how-far" },
      h(ProgressBar, { map }),
      h(
        "span",
        { class: "figures" },
        h("b", {}, total === null ? "" : percent(done, total)),
        ` ${count(done)}${total === null ? "" : ` of ${count(total)}`}`,
        failed === 0 ? null : h("span", { class: "bad" }, ` · ${count(failed)} failed`),
      ),
    ),
    h("td", { class: "number", "data-name": "rate" }, rateText(map)),
    h("td", { class: "number", "data-name": "time" }, timeText(map, nowMs)),
    h(
      "td",
      { class: "number", "data-name": "run time" },
      runTimes.medianMs === null
        ? "–"
        : [
            h("span", {}, duration(runTimes.medianMs)),
            h("span", { class: "quiet" }, ` p95 ${duration(runTimes.p95Ms ?? 0)}`),
          ],
    ),
    onCancel === undefined
      ? null
      : h(
          "td",
          { class: "actions" },
          state === "running" || state === "lost"
            ? h(
                "button",
                { type: "button", "aria-label": `Cancel ${task} ${id}`, onClick: () => onCancel(map) },
                "Cancel",
              )
            : null,
        ),
  );
}
