/** Which maps are shown, and in which order. */

import { h } from "./preact.js";

/**
 * @typedef {import("../src/feed/messages.ts").PageMap} MapView
 *
 * @typedef {object} MapsFilter
 * @property {string} text a part of the task, the id or the producer's host
 * @property {string} state `""` for all
 * @property {string} order
 */

/** @type {MapsFilter} */
export const ALL_MAPS = { text: "", state: "", order: "start" };

/** So many can be overlooked without a search. */
const FEW = 8;

/** @type {Record<string, { name: string, by: (map: MapView) => number }>} */
const ORDERS = {
  start: { name: "as they started", by: () => 0 },
  failed: { name: "most failed", by: ({ failed }) => -failed },
  left: { name: "longest left", by: ({ leftMs }) => -(leftMs ?? -1) },
  rate: { name: "fastest", by: ({ itemsPerS }) => -itemsPerS },
};

/** @param {readonly MapView[]} maps @param {MapsFilter} filter @returns {readonly MapView[]} */
export function filtered(maps, { text, state, order }) {
  const wanted = text.trim().toLowerCase();
  const found = maps.filter((map) => {
    const isState = state === "" || (map.waitsFor === null ? map.state : "waiting") === state;
    const { task, id, producer } = map;
    return isState && `${task} ${id} ${producer.host}`.toLowerCase().includes(wanted);
  });
  const by = ORDERS[order]?.by;
  return by === undefined ? found : found.toSorted((a, b) => by(a) - by(b));
}

/** @param {{ maps: readonly MapView[], filter: MapsFilter, onFilter: (filter: MapsFilter) => void }} props */
export function MapsFilterBar({ maps, filter, onFilter }) {
  if (maps.length <= FEW && filter === ALL_MAPS) return null;
  /** @param {Event} event */
  const valueOf = (event) => /** @type {HTMLInputElement | HTMLSelectElement} */ (event.currentTarget).value;
  const states = ["running", "waiting", "done", "failed", "cancelled", "lost"];
  return h(
    "div",
    { class: "filter", role: "search" },
    h("input", {
      type: "search",
      placeholder: "task, id or host",
      "aria-label": "Search maps",
      value: filter.text,
      onInput: (/** @type {Event} */ event) => onFilter({ ...filter, text: valueOf(event) }),
    }),
    h(
      "select",
      {
        "aria-label": "State",
        value: filter.state,
        onChange: (/** @type {Event} */ event) => onFilter({ ...filter, state: valueOf(event) }),
      },
      h("option", { value: "" }, "all states"),
      states.map((state) => h("option", { key: state, value: state }, state)),
    ),
    h(
      "select",
      {
        "aria-label": "Order",
        value: filter.order,
        onChange: (/** @type {Event} */ event) => onFilter({ ...filter, order: valueOf(event) }),
      },
      Object.entries(ORDERS).map(([order, { name }]) => h("option", { key: order, value: order }, name)),
    ),
  );
}
