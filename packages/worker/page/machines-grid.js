/** Many machines at a glance: a cell each, with its name, how busy it is, and what it takes over time. */

import { Component, h } from "./preact.js";
import { ofSlots, runningOn, slotsOf } from "./busy.js";
import { bytes, count, duration } from "./format.js";
import { isStraggler } from "./machines.js";
import { GAP_MS } from "./model.js";
import { More } from "./more.js";

/**
 * @typedef {import("./model.js").Model} Model
 * @typedef {import("./model.js").PageMachine} PageMachine
 * @typedef {import("./model.js").MachinePoint} MachinePoint
 */

const WIDTH = 100;
const HEIGHT = 24;

/** What is shown unasked: on a wide page, all that fit a screen or two. */
const SHOWN = 120;
const SHOWN_NARROW = 12;

/**
 * @typedef {object} Seen a machine, and what is said of it
 * @property {PageMachine} machine
 * @property {number | null} running `null`: it has not told
 * @property {number} late runs that straggle
 * @property {boolean} isSilent
 */

/** @type {Record<string, { name: string, is: (seen: Seen) => boolean }>} */
const STATES = {
  busy: { name: "busy", is: ({ running }) => running !== null && running > 0 },
  idle: { name: "idle", is: ({ running }) => running === 0 },
  straggling: { name: "straggling", is: ({ late }) => late > 0 },
  silent: { name: "silent", is: ({ isSilent }) => isSilent },
  unfit: { name: "can't run anything", is: ({ machine }) => machine.unfit !== null },
};

const BY_NAME = new Intl.Collator("en", { numeric: true });

/** @param {Seen} a @param {Seen} b */
const byName = (a, b) => BY_NAME.compare(a.machine.host + a.machine.id, b.machine.host + b.machine.id);

/** @type {Record<string, { name: string, by: (seen: Seen) => number }>} */
const ORDERS = {
  name: { name: "by name", by: () => 0 },
  trouble: {
    name: "trouble first",
    by: ({ machine, isSilent, late }) => (machine.unfit !== null ? 0 : isSilent ? 1 : late > 0 ? 2 : 3),
  },
  busiest: { name: "busiest", by: ({ running }) => -(running ?? 0) },
  memory: { name: "most memory", by: ({ machine }) => -(machine.memoryBytes ?? 0) },
};

/** @extends {Component<{ model: Model }, { text: string, state: string, order: string }>} */
export class MachinesGrid extends Component {
  /** @override */
  state = { text: "", state: "", order: "name" };

  /** @override */
  render() {
    const { model } = this.props;
    const { text, state, order } = this.state;
    const { machines } = model.view;
    const wanted = text.trim().toLowerCase();
    const found = machines
      .map((machine) => seen(machine, model))
      .filter((of) => STATES[state]?.is(of) !== false)
      .filter(({ machine: { host, id } }) => `${host} ${id}`.toLowerCase().includes(wanted))
      .toSorted((a, b) => (ORDERS[order]?.by(a) ?? 0) - (ORDERS[order]?.by(b) ?? 0) || byName(a, b));
    const loads = machines.map(({ id }) => model.loadsOf(id));
    // One scale for all, so that the cells can be compared.
    const mostCores = Math.max(1, ...loads.flatMap((points) => points.map(([, cores]) => cores ?? 0)));
    const mostBytes = Math.max(1, ...loads.flatMap((points) => points.map(([, , memory]) => memory ?? 0)));
    return h(
      "div",
      {},
      h(
        "div",
        { class: "filter", role: "search", "aria-label": "Machines" },
        h("input", {
          type: "search",
          placeholder: "host or id",
          "aria-label": "Search machines",
          value: text,
          onInput: (/** @type {Event} */ event) => this.setState({ text: valueOf(event) }),
        }),
        h(
          "select",
          {
            "aria-label": "State of machines",
            value: state,
            onChange: (/** @type {Event} */ event) => this.setState({ state: valueOf(event) }),
          },
          h("option", { value: "" }, "all machines"),
          Object.entries(STATES).map(([key, { name }]) => h("option", { key, value: key }, name)),
        ),
        h(
          "select",
          {
            "aria-label": "Order of machines",
            value: order,
            onChange: (/** @type {Event} */ event) => this.setState({ order: valueOf(event) }),
          },
          Object.entries(ORDERS).map(([key, { name }]) => h("option", { key, value: key }, name)),
        ),
      ),
      found.length === 0
        ? h("p", { class: "quiet" }, "No machine is like that.")
        : h(More, {
            list: found,
            first: SHOWN,
            firstNarrow: SHOWN_NARROW,
            noun: "machines",
            draw: (shown) =>
              h(
                "ul",
                { class: "machines-grid" },
                /** @type {readonly Seen[]} */ (shown).map((of) => {
                  const { id } = of.machine;
                  return h(Cell, { key: id, of, points: model.loadsOf(id), mostCores, mostBytes });
                }),
              ),
          }),
    );
  }
}

/** @param {PageMachine} machine @param {Model} model @returns {Seen} */
function seen(machine, model) {
  const { silentMs } = machine;
  const children = machine.children ?? [];
  const told = { nowMs: model.nowMs - silentMs, mapOf: model.mapOf };
  return {
    machine,
    running: runningOn(machine),
    late: children.flatMap((child) => child.running.filter((run) => isStraggler(run, told))).length,
    isSilent: silentMs > 2_500,
  };
}

/** @param {Event} event */
function valueOf(event) {
  return /** @type {HTMLInputElement | HTMLSelectElement} */ (event.currentTarget).value;
}

/** @param {{ of: Seen, points: readonly MachinePoint[], mostCores: number, mostBytes: number }} props */
function Cell({ of: { machine, running, late, isSilent }, points, mostCores, mostBytes }) {
  const { id, host, pid, silentMs, unfit, cores, memoryBytes } = machine;
  const slots = slotsOf(machine);
  const isWrong = unfit !== null || isSilent;
  return h(
    "li",
    { class: `cell${isWrong ? " wrong" : late > 0 ? " late" : ""}` },
    h("a", { class: "name", href: `#/machines/${encodeURIComponent(id)}` }, host),
    h("span", { class: "busy" }, `${ofSlots(running, slots, count)} busy`),
    h("span", { class: "quiet" }, `pid ${pid}`),
    h(
      "div",
      { class: "meter" },
      h("span", { style: { width: `${slots === 0 ? 0 : ((running ?? 0) / slots) * 100}%` } }),
    ),
    h(Spark, { name: "Processors busy", color: "c0", points, most: mostCores, value: ([, busy]) => busy }),
    h(Spark, { name: "Memory", color: "c2", points, most: mostBytes, value: ([, , memory]) => memory }),
    h("span", { class: "figure" }, cores === null ? "– CPU" : `${cores} CPU`),
    h("span", { class: "figure" }, memoryBytes === null ? "–" : bytes(memoryBytes)),
    unfit === null ? null : h("span", { class: "badge failed" }, "can't run anything"),
    isSilent ? h("span", { class: "badge warn" }, `silent for ${duration(silentMs)}`) : null,
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
