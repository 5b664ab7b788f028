/** The page of one item of a map: where it is, what became of it, and what it said. */

import { h } from "./preact.js";
import { Fact } from "./fact.js";
import { Fetched } from "./fetched.js";
import { duration, plural } from "./format.js";
import { LogLines } from "./log-lines.js";

/**
 * @typedef {import("./model.js").Model} Model
 * @typedef {import("../src/watch/item-reader.ts").ItemView} ItemView
 */

const EVERY_MS = 2_000;

/** @type {Record<ItemView["state"], string>} */
const STATES = {
  waiting: "It waits for a worker, or for its next attempt.",
  running: "It runs.",
  taken: "A machine has its job, and has not said that it runs this item.",
  ended: "It has ended.",
  unknown: "Nothing of it is in Redis: it has ended and its producer has its result, or it was not sent yet.",
};

/** @param {{ model: Model, mapId: string, index: number }} props */
export function ItemPage({ model, mapId, index }) {
  const { queue } = model.view;
  const map = model.mapOf(mapId);
  return h(
    "main",
    { class: "item-page" },
    h("p", {}, h("a", { href: `#/maps/${encodeURIComponent(mapId)}` }, "← Its map")),
    h("h2", {}, `${map?.task ?? "Item"} #${index}`),
    h("p", { class: "quiet id" }, mapId),
    h(Fetched, {
      url: `/item?${new URLSearchParams({ queue, map: mapId, index: String(index) })}`,
      everyMs: EVERY_MS,
      draw: (item, trouble) =>
        item === undefined
          ? h("p", { class: "quiet" }, trouble ?? "Looking for it …")
          : h(Item, { item: /** @type {ItemView} */ (item), model }),
    }),
    h(
      "section",
      { "aria-labelledby": "log" },
      h("h3", { id: "log" }, "Its log"),
      h(LogLines, { queue, about: { map: mapId, index: String(index) } }),
    ),
  );
}

/** @param {{ item: ItemView, model: Model }} props */
function Item({ item: { state, ran, attempt, losses, job, error, arguments: given, result }, model }) {
  return h(
    "div",
    {},
    h("p", {}, STATES[state]),
    h(
      "dl",
      { class: "facts" },
      h(
        Fact,
        { name: state === "running" ? "Runs on" : "Ran on" },
        ran === null
          ? "–"
          : [
              h("a", { href: `#/machines/${encodeURIComponent(ran.worker)}` }, ran.host ?? ran.worker),
              `, pid ${ran.pid}`,
            ],
      ),
      h(Fact, { name: "For" }, timeText(ran, model.nowMs)),
      h(Fact, { name: "Attempt" }, attempt === null ? "–" : String(attempt)),
      h(Fact, { name: "Processes lost" }, losses === null ? "–" : String(losses)),
      h(Fact, { name: "Job" }, job === null ? "–" : `${plural(job.items, "item")} from #${job.at} on`),
    ),
    error === null
      ? null
      : h(
          "section",
          { "aria-labelledby": "error" },
          h("h3", { id: "error" }, "What it failed of"),
          h("p", { class: "bad" }, h("b", {}, error.name), error.message === "" ? "" : `: ${error.message}`),
          error.messagesDiffer
            ? h(
                "p",
                { class: "quiet" },
                "An error of this kind in its map: the numbers in its own message may differ.",
              )
            : null,
          error.stack === null ? null : h("pre", { tabIndex: 0, "aria-label": "Stack" }, error.stack),
        ),
    model.showsValues
      ? h(
          "section",
          { "aria-labelledby": "values" },
          h("h3", { id: "values" }, "Arguments and result"),
          given === null && result === null
            ? h("p", { class: "quiet" }, "They are not in Redis any more.")
            : [
                given === null ? null : h("pre", { tabIndex: 0, "aria-label": "Arguments" }, given),
                result === null ? null : h("pre", { tabIndex: 0, "aria-label": "Result" }, result),
              ],
        )
      : h("p", { class: "quiet" }, "Arguments and results are shown only with --values."),
  );
}

/** @param {ItemView["ran"]} ran @param {number} nowMs */
function timeText(ran, nowMs) {
  if (ran === null) return "–";
  if (ran.ms !== null) return duration(ran.ms);
  return ran.sinceMs === null ? "–" : duration(Math.max(0, nowMs - ran.sinceMs));
}
