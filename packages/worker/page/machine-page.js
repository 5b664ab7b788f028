/** The page of one machine: what it runs, what it takes, its log, and what can be done to it. */

import { h } from "./preact.js";
import { ofSlots, runningOn, slotsOf } from "./busy.js";
import { LineChart } from "./charts.js";
import { Fact } from "./fact.js";
import { bytes, count, duration, plural } from "./format.js";
import { LogLines } from "./log-lines.js";
import { isStraggler, Lanes, runText } from "./machines.js";
import { StackButton } from "./stack-button.js";
import { Unfit } from "./unfit.js";

/**
 * @typedef {import("./model.js").Model} Model
 * @typedef {import("./model.js").Actions} Actions
 * @typedef {import("./model.js").PageMachine} PageMachine
 */

/** @param {{ model: Model, actions: Actions, id: string }} props */
export function MachinePage({ model, actions, id }) {
  const machine = model.machineOf(id);
  const back = h("p", {}, h("a", { href: "#/" }, "← All machines"));
  if (machine === undefined) {
    return h(
      "main",
      {},
      back,
      h("h2", { class: "id" }, id),
      h(
        "p",
        { class: "quiet" },
        "This machine is not there any more: it has ended, or has sent no sign of life for 5 seconds.",
      ),
    );
  }
  const { host, pid, version, node, silentMs, unfit, tasks, waiting, cores, memoryBytes } = machine;
  const loads = model.loadsOf(id);
  // Nothing is known of a machine's processors until it has told twice.
  const busy = loads.filter(([, known]) => known !== null);
  const memory = loads.filter(([, , known]) => known !== null);
  return h(
    "main",
    { class: "machine-page" },
    back,
    h(
      "div",
      { class: "headline" },
      h(
        "h2",
        {},
        host,
        silentMs > 2_500 ? h("span", { class: "badge warn" }, `silent for ${duration(silentMs)}`) : "",
      ),
      model.writable
        ? h("button", { type: "button", onClick: () => actions.drain(machine) }, "Drain this machine")
        : null,
      model.writable ? h(Resize, { machine, actions }) : null,
    ),
    h("p", { class: "quiet id" }, id),
    h(Unfit, { unfit }),
    h(
      "dl",
      { class: "facts" },
      h(Fact, { name: "Busy" }, ofSlots(runningOn(machine), slotsOf(machine), count)),
      h(Fact, { name: "Jobs ahead" }, waiting === null ? "–" : count(waiting)),
      h(Fact, { name: "Processors" }, cores === null ? "–" : `${cores} busy`),
      h(Fact, { name: "Memory" }, memoryBytes === null ? "–" : bytes(memoryBytes)),
      h(Fact, { name: "Supervisor" }, `pid ${pid}, poolmq ${version}, Node ${node}`),
    ),
    h("p", { class: "quiet" }, `${plural(tasks.length, "task")}: ${tasks.join(", ")}`),
    h(
      "div",
      { class: "charts" },
      busy.length > 0
        ? h(LineChart, {
            title: "Processors busy",
            times: busy.map(([atMs]) => atMs),
            format: (value) => String(Number(value.toFixed(1))),
            series: [{ name: "busy", color: "c0", values: busy.map(([, cores]) => cores ?? 0) }],
          })
        : null,
      memory.length === 0
        ? null
        : h(LineChart, {
            title: "Memory of its processes",
            times: memory.map(([atMs]) => atMs),
            format: bytes,
            binary: true,
            series: [{ name: "resident", color: "c2", values: memory.map(([, , used]) => used ?? 0) }],
          }),
    ),
    h(
      "section",
      { "aria-labelledby": "lanes" },
      h("h3", { id: "lanes" }, "The last minute"),
      h(Lanes, { machine, model }),
    ),
    h(
      "section",
      { "aria-labelledby": "processes" },
      h("h3", { id: "processes" }, "What its processes run"),
      machine.children === null
        ? h("p", { class: "quiet" }, "It has not told yet what its processes run.")
        : h(Processes, { machine, model }),
    ),
    h(
      "section",
      { "aria-labelledby": "log" },
      h("h3", { id: "log" }, "Its log"),
      h(LogLines, { queue: model.view.queue, about: { worker: id } }),
    ),
  );
}

/** @param {{ machine: PageMachine, actions: Actions }} props */
function Resize({ machine, actions }) {
  return h(
    "form",
    {
      class: "resize",
      onSubmit: (/** @type {Event} */ event) => {
        event.preventDefault();
        const input = /** @type {HTMLFormElement} */ (event.currentTarget).elements.namedItem("processes");
        actions.resize(machine, Number(/** @type {HTMLInputElement} */ (input).value));
      },
    },
    h("input", {
      type: "number",
      name: "processes",
      min: 1,
      max: 1_024,
      required: true,
      defaultValue: machine.processes,
      "aria-label": "Number of processes",
    }),
    h("button", {}, "Resize"),
  );
}

/** @param {{ machine: PageMachine, model: Model }} props */
function Processes({ machine: { id, silentMs, children }, model }) {
  const toldMs = model.nowMs - silentMs;
  return h(
    "ul",
    { class: "processes" },
    (children ?? []).map(({ pid, state, items, memoryBytes, running }) =>
      h(
        "li",
        { key: pid },
        h("b", { class: "pid" }, String(pid)),
        h(
          "span",
          { class: "quiet" },
          `${state}, ${plural(items, "item")} so far${memoryBytes === null ? "" : `, ${bytes(memoryBytes)}`}`,
        ),
        running.length === 0
          ? h("span", { class: "quiet" }, "idle")
          : running.map((run) =>
              h(
                "span",
                { key: `${run.mapId} ${run.index}` },
                h(
                  "a",
                  { href: `#/maps/${encodeURIComponent(run.mapId)}/items/${run.index}` },
                  runText(run, toldMs),
                ),
                isStraggler(run, { nowMs: toldMs, mapOf: model.mapOf })
                  ? h("span", { class: "badge warn" }, "straggler")
                  : null,
              ),
            ),
        h(StackButton, { queue: model.view.queue, worker: id, pid }),
      ),
    ),
  );
}
