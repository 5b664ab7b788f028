/** Many machines at a glance: a cell each, with its name, how busy it is, and what it takes over time. */

import { h } from "./preact.js";
import { bytes, count, duration } from "./format.js";
import { isStraggler } from "./machines.js";
import { GAP_MS } from "./model.js";

/**
 * @typedef {import("./model.js").Model} Model
 * @typedef {import("./model.js").PageMachine} PageMachine
 * @typedef {import("./model.js").MachinePoint} MachinePoint
 */

const WIDTH = 100;
const HEIGHT = 24;

/** @param {{ model: Model }} props */
export function MachinesGrid({ model }) {
  const { machines } = model.view;
  const loads = machines.map(({ id }) => model.loadsOf(id));
  // One scale for all, so that the cells can be compared.
  const mostCores = Math.max(1, ...loads.flatMap((points) => points.map(([, cores]) => cores ?? 0)));
  const mostBytes = Math.max(1, ...loads.flatMap((points) => points.map(([, , memory]) => memory ?? 0)));
  return h(
    "ul",
    { class: "machines-grid" },
    machines.map((machine, place) =>
      h(Cell, { key: machine.id, machine, model, points: loads[place] ?? [], mostCores, mostBytes }),
    ),
  );
}

/**
 * @param {{
 *   machine: PageMachine, model: Model, points: readonly MachinePoint[], mostCores: number, mostBytes: number,
 * }} props
 */
function Cell({ machine, model, points, mostCores, mostBytes }) {
  const { id, host, pid, processes, concurrency, silentMs, unfit, cores, memoryBytes } = machine;
  const children = machine.children ?? [];
  const running = children.reduce((sum, child) => sum + child.running.length, 0);
  const slots = processes * concurrency;
  const told = { nowMs: model.nowMs - silentMs, mapOf: model.mapOf };
  const late = children.flatMap((child) => child.running.filter((run) => isStraggler(run, told))).length;
  const isWrong = unfit !== null || silentMs > 2_500;
  return h(
    "li",
    { class: `cell${isWrong ? " wrong" : late > 0 ? " late" : ""}` },
    h("a", { class: "name", href: `#/machines/${encodeURIComponent(id)}` }, host),
    h("span", { class: "quiet" }, `pid ${pid}`),
    h("span", { class: "busy" }, `${count(running)} of ${count(slots)} busy`),
    h(
      "div",
      { class: "meter" },
      h("span", { style: { width: `${slots === 0 ? 0 : (running / slots) * 100}%` } }),
    ),
    h(Spark, { name: "Processors busy", color: "c0", points, most: mostCores, value: ([, busy]) => busy }),
    h("span", { class: "figure" }, cores === null ? "–" : `${cores} CPU`),
    h(Spark, { name: "Memory", color: "c2", points, most: mostBytes, value: ([, , memory]) => memory }),
    h("span", { class: "figure" }, memoryBytes === null ? "–" : bytes(memoryBytes)),
    unfit === null ? null : h("span", { class: "badge failed" }, "can't run anything"),
    silentMs > 2_500 ? h("span", { class: "badge warn" }, `silent for ${duration(silentMs)}`) : null,
    late === 0 ? null : h("span", { class: "badge warn" }, `${count(late)} straggling`),
  );
}

/** @param {{ name: string, color: string, points: readonly MachinePoint[], most: number, value: (point: MachinePoint) => number | null }} props */
function Spark({ name, color, points, most, value }) {
  const first = points[0]?.[0] ?? 0;
  const span = Math.max(1, (points.at(-1)?.[0] ?? 0) - first);
  // A moment of which nothing is known ends the line, and so does a time when nobody looked.
  let before = first;
  /** @type {string[][]} */
  const lines = [[]];
  for (const point of points) {
    const known = value(point);
    if (point[0] - before > GAP_MS) lines.push([]);
    before = point[0];
    if (known === null) lines.push([]);
    else {
      const x = ((point[0] - first) / span) * WIDTH;
      lines.at(-1)?.push(`${x.toFixed(1)},${(HEIGHT - (known / most) * (HEIGHT - 2)).toFixed(1)}`);
    }
  }
  return h(
    "svg",
    {
      class: "spark",
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
      preserveAspectRatio: "none",
      role: "img",
      "aria-label": `${name} over the last ${duration(span)}`,
    },
    lines
      .filter((line) => line.length > 1)
      .map((line) => h("polyline", { class: `line ${color}`, points: line.join(" ") })),
  );
}
