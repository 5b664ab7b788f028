/** The last lines of machines' logs that tell of a map, an item or a machine. */

import { h } from "./preact.js";
import { Fetched } from "./fetched.js";

/** @typedef {import("../src/watch/log-reader.ts").MachineLine} MachineLine */

const EVERY_MS = 1_500;
const WARN = 40;
const ERROR = 50;

/** @param {{ queue: string, about: Record<string, string> }} props */
export function LogLines({ queue, about }) {
  return h(Fetched, {
    url: `/lines?${new URLSearchParams({ queue, ...about })}`,
    everyMs: EVERY_MS,
    draw: (fetched) => {
      const lines = /** @type {MachineLine[] | undefined} */ (fetched);
      if (lines === undefined) return h("p", { class: "quiet" }, "Asking the machines …");
      if (lines.length === 0) {
        return h("p", { class: "quiet" }, "No line of it is among the last that the machines have kept.");
      }
      return h(
        "ol",
        { class: "log", tabIndex: 0, "aria-label": "Log" },
        lines.map((line, place) => h(Line, { key: place, line })),
      );
    },
  });
}

/** @param {{ line: MachineLine }} props */
function Line({ line: { atMs, host, record } }) {
  const level = Number(record["level"]);
  const { task, index, msg, error, err } = record;
  const stack = /** @type {{ stack?: unknown }} */ (Object(err)).stack;
  return h(
    "li",
    { class: level >= ERROR ? "bad" : level >= WARN ? "warn" : "" },
    h("span", { class: "quiet" }, `${timeOf(atMs)} ${host} `),
    typeof index === "number" ? h("b", {}, `${text(task)}[${index}] `) : null,
    text(msg),
    text(error) === "" ? "" : ` ${text(error)}`,
    text(stack) === "" ? "" : `\n${text(stack)}`,
  );
}

/** @param {unknown} value */
function text(value) {
  return typeof value === "string" ? value : "";
}

/** @param {number} ms */
function timeOf(ms) {
  return ms > 0 ? new Date(ms).toLocaleTimeString("en-GB") : "";
}
