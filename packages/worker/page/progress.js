/** How far a map is. */

import { h } from "./preact.js";
import { count, duration, plural, short } from "./format.js";

/** @typedef {import("../src/feed/messages.ts").PageMap} MapView */

/** @param {{ map: MapView }} props */
export function ProgressBar({ map: { task, total, done, failed, state } }) {
  const of = total ?? Math.max(done, 1);
  /** @param {number} items */
  const width = (items) => ({ width: `${of === 0 ? 100 : (items / of) * 100}%` });
  return h(
    "div",
    {
      class: `progress ${state}${total === null ? " unknown" : ""}`,
      role: "progressbar",
      "aria-label": `Progress of ${task}`,
      "aria-valuemin": 0,
      ...(total === null ? {} : { "aria-valuemax": total, "aria-valuenow": done }),
      "aria-valuetext": progressText({ total, done, failed }),
    },
    h("span", { class: "ok", style: width(total === 0 ? 0 : done - failed) }),
    h("span", { class: "failed", style: width(failed) }),
  );
}

/** `1,200 of 5,000 (24%), 3 failed`. @param {Pick<MapView, "total" | "done" | "failed">} map */
export function progressText({ total, done, failed }) {
  const of =
    total === null ? plural(done, "item") : `${count(done)} of ${count(total)} (${percent(done, total)})`;
  return failed === 0 ? of : `${of}, ${count(failed)} failed`;
}

/** 100% only when all are done. @param {number} done @param {number} total */
export function percent(done, total) {
  return total === 0 ? "100%" : `${Math.floor((done / total) * 100)}%`;
}

/** How long it takes yet, or took. @param {MapView} map @param {number} nowMs */
export function timeText({ state, startedAtMs, endedAtMs, leftMs, total, done, waitsFor }, nowMs) {
  if (state !== "running") return `${duration((endedAtMs ?? nowMs) - startedAtMs)} in all`;
  if (leftMs !== null) return `${duration(leftMs)} left`;
  if (waitsFor !== null) return WAITS_FOR[waitsFor];
  // Nobody has fetched it: it was retried, or its producer is gone.
  if (done === total) return "all items have ended";
  return total === null ? "input still read" : "time left unknown";
}

/** @param {MapView} map */
export function rateText({ itemsPerS }) {
  return `${short(itemsPerS)} /s`;
}

const WAITS_FOR = {
  resume: "paused",
  workers: "no workers",
  turn: "waiting",
  limit: "limited",
  retry: "retrying",
};

/** @param {{ map: MapView }} props */
export function StateBadge({ map: { state, waitsFor, durable, producer } }) {
  if (waitsFor !== null) return h("span", { class: "badge warn" }, WAITS_FOR[waitsFor]);
  const isUnattended = state === "running" && durable && !producer.alive;
  return h("span", { class: `badge ${state}` }, isUnattended ? "unattended" : state);
}
