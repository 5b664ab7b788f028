/** The worker machines, and what each of their processes ran and runs: one lane each, time from left to right. */

import { h } from "./preact.js";
import { ofSlots, runningOn, slotsOf } from "./busy.js";
import { Fetched } from "./fetched.js";
import { bytes, count, duration, plural } from "./format.js";
import { Unfit } from "./unfit.js";

/**
 * @typedef {import("../src/feed/messages.ts").PageMap} MapView
 * @typedef {import("../src/watch/queue-view.ts").RunningView} RunningView
 * @typedef {import("../src/watch/queue-view.ts").SpanView} SpanView
 * @typedef {import("../src/feed/messages.ts").PageMachine} PageMachine
 * @typedef {NonNullable<PageMachine["children"]>[number]} PageChild
 *
 * @typedef {object} LaneFacts
 * @property {number} nowMs
 * @property {(machine: string, pid: number) => readonly SpanView[]} spansOf
 * @property {(fromMs: number) => [number, number][]} seen when somebody looked
 * @property {(mapId: string) => string} colorOf
 * @property {(mapId: string) => MapView | undefined} mapOf
 */

/** Time that a lane shows, in ms. */
const WINDOW_MS = 60_000;

/** Number of machines whose lanes are open at first. */
const OPEN_LANES = 24;

/** A run is a straggler once it takes so many times as long as nearly all do, and can be noticed at all. */
const STRAGGLER_TIMES = 3;
const STRAGGLER_MS = 2_000;

/** SVG's numbers are too short for the time of day in ms. */
const HOUR_MS = 3_600_000;

/**
 * @param {LaneFacts & {
 *   machines: readonly PageMachine[], toggled: ReadonlySet<string>, onToggle: (id: string, open: boolean) => void,
 * }} props
 */
export function Machines({ machines, toggled, onToggle, ...lanes }) {
  if (machines.length === 0) {
    return h(
      "p",
      { class: "bad" },
      "No worker machine is alive: nothing runs until one is started (poolmq worker).",
    );
  }
  const few = machines.reduce((sum, { processes }) => sum + processes, 0) <= OPEN_LANES;
  return h(
    "div",
    { class: "machines" },
    machines.map((machine) =>
      h(Machine, {
        key: machine.id,
        machine,
        // Which ones somebody has opened or closed; the others are as their number allows.
        open: few !== toggled.has(machine.id),
        onToggle: (/** @type {boolean} */ open) => onToggle(machine.id, open !== few),
        ...lanes,
      }),
    ),
  );
}

/** How often the spans of one machine are fetched. */
const SPANS_EVERY_MS = 1_000;

/** The lanes of one machine's processes. @param {{ machine: PageMachine, model: import("./model.js").Model }} props */
export function Lanes({ machine, model }) {
  return h(Fetched, {
    url: `/spans?${new URLSearchParams({ queue: model.view.queue, worker: machine.id })}`,
    everyMs: SPANS_EVERY_MS,
    draw: (fetched) => {
      const told = /** @type {readonly import("../src/feed/messages.ts").ProcessSpans[]} */ (fetched ?? []);
      const spansOf = (/** @type {string} */ _, /** @type {number} */ pid) =>
        told.find((of) => of.pid === pid)?.spans ?? [];
      return h(LanesOf, { machine, model, spansOf });
    },
  });
}

/** @param {{ machine: PageMachine, model: import("./model.js").Model, spansOf: LaneFacts["spansOf"] }} props */
function LanesOf({ machine: { id, host, silentMs, children }, model, spansOf }) {
  const { nowMs, seen, colorOf, mapOf } = model;
  return h(
    "ol",
    { class: "lanes", "aria-label": `Processes of ${host}` },
    (children ?? []).map((child) =>
      h(ProcessLane, {
        key: child.pid,
        machine: id,
        child,
        toldMs: nowMs - silentMs,
        nowMs,
        seen,
        spansOf,
        colorOf,
        mapOf,
      }),
    ),
  );
}

/** @param {LaneFacts & { machine: PageMachine, open: boolean, onToggle: (open: boolean) => void }} props */
function Machine({ machine, open, onToggle, ...lanes }) {
  const { id, host, pid, silentMs, unfit, children, waiting } = machine;
  const { version, node, codeVersion } = machine;
  const toldMs = lanes.nowMs - silentMs;
  const late = (children ?? []).flatMap((child) =>
    child.running.filter((run) => isStraggler(run, { nowMs: toldMs, mapOf: lanes.mapOf })),
  );
  return h(
    "details",
    {
      class: "machine",
      open,
      onToggle: (/** @type {Event} */ event) => {
        const now = /** @type {HTMLDetailsElement} */ (event.currentTarget).open;
        if (now !== open) onToggle(now);
      },
    },
    h(
      "summary",
      { title: `${id} · poolmq ${version} · Node ${node}` },
      h("b", {}, host),
      h("span", { class: "quiet" }, `pid ${pid}`),
      codeVersion === null ? null : h("span", { class: "quiet" }, `code ${codeVersion}`),
      h("span", { class: "load" }, `${ofSlots(runningOn(machine), slotsOf(machine), count)} busy`),
      waiting ? h("span", { class: "quiet" }, `${plural(waiting, "job")} ahead`) : null,
      late.length === 0 ? null : h("span", { class: "badge warn" }, plural(late.length, "straggler")),
      silentMs > 2_500 ? h("span", { class: "badge warn" }, `silent for ${duration(silentMs)}`) : null,
      unfit === null ? null : h("span", { class: "badge failed" }, "can't run anything"),
    ),
    h(Unfit, { unfit }),
    !open || children === null
      ? null
      : h(
          "ol",
          { class: "lanes", "aria-label": `Processes of ${host}` },
          children.map((child) => h(ProcessLane, { key: child.pid, machine: id, child, toldMs, ...lanes })),
        ),
    !open
      ? null
      : h(
          "p",
          { class: "page-link" },
          h("a", { href: `#/machines/${encodeURIComponent(id)}` }, `Page of ${host}, pid ${pid}`),
        ),
    open && children === null && unfit === null
      ? h("p", { class: "quiet" }, "It has not told yet what its processes run.")
      : null,
  );
}

/**
 * `toldMs` is when the machine told of it: what ran then has run until then, and may have ended since.
 *
 * @param {LaneFacts & { machine: string, child: PageChild, toldMs: number }} props
 */
function ProcessLane({ machine, child, toldMs, ...lanes }) {
  const { pid, state, running, items, memoryBytes } = child;
  const told = { nowMs: toldMs, mapOf: lanes.mapOf };
  const oldest = running[0];
  return h(
    "li",
    { class: "lane" },
    h(
      "span",
      {
        class: "pid",
        title: `${plural(items, "item")} so far${memoryBytes === null ? "" : `, ${bytes(memoryBytes)}`}`,
      },
      String(pid),
    ),
    h(Lane, { spans: lanes.spansOf(machine, pid), running, toldMs, lanes }),
    h(
      "span",
      { class: `now${oldest === undefined ? " idle" : isStraggler(oldest, told) ? " bad" : ""}` },
      oldest === undefined
        ? h("span", { class: "quiet" }, state === "ready" ? "idle" : state)
        : runText(oldest, toldMs),
      running.length > 1 ? ` and ${running.length - 1} more` : "",
    ),
    h("span", { class: "memory quiet" }, memoryBytes === null ? "" : bytes(memoryBytes)),
  );
}

/** @param {{ spans: readonly SpanView[], running: readonly RunningView[], toldMs: number, lanes: LaneFacts }} props */
function Lane({ spans, running, toldMs, lanes: { nowMs, colorOf, mapOf, seen } }) {
  const told = { nowMs: toldMs, mapOf };
  const zero = Math.floor(nowMs / HOUR_MS) * HOUR_MS - HOUR_MS;
  const fromMs = nowMs - WINDOW_MS;
  const busy = spans.filter(({ toMs }) => toMs > fromMs);
  return h(
    "svg",
    {
      class: "lane-plot",
      // It moves and the spans stay, so that little is drawn anew.
      viewBox: `${fromMs - zero} 0 ${WINDOW_MS} 10`,
      preserveAspectRatio: "none",
      role: "img",
      "aria-label": `${plural(busy.length, "span")} of work in the last minute, ${running.length} running`,
    },
    seen(fromMs).map(([from, to]) =>
      h("rect", { key: `seen ${from}`, class: "seen", x: from - zero, width: to - from, y: 0, height: 10 }),
    ),
    busy.map((span) =>
      h(
        "rect",
        {
          key: span.no,
          class: colorOf(span.mapId),
          x: span.fromMs - zero,
          // A thinner span would be invisible.
          width: Math.max(span.toMs - span.fromMs, WINDOW_MS / 1_000),
          y: 1,
          height: 8,
        },
        h("title", {}, `${span.task}: ${plural(span.items, "item")}, ${duration(span.toMs - span.fromMs)}`),
      ),
    ),
    running.map((run) =>
      h(
        "rect",
        {
          key: `runs ${run.mapId} ${run.index}`,
          class: `${colorOf(run.mapId)} running${isStraggler(run, told) ? " straggler" : ""}`,
          x: Math.max(run.sinceMs, fromMs) - zero,
          width: Math.max(toldMs - Math.max(run.sinceMs, fromMs), WINDOW_MS / 1_000),
          y: 1,
          height: 8,
        },
        h("title", {}, runText(run, toldMs)),
      ),
    ),
  );
}

/** @param {RunningView} run @param {number} nowMs */
export function runText({ task, index, items, attempt, sinceMs }, nowMs) {
  const what = items === 1 ? `${task} #${index}` : `${task} #${index} of ${plural(items, "item")}`;
  const again = attempt > 1 ? `, attempt ${attempt}` : "";
  return `${what}${again}, ${duration(Math.max(0, nowMs - sinceMs))}`;
}

/** @param {RunningView} run @param {Pick<LaneFacts, "nowMs" | "mapOf">} lanes */
export function isStraggler({ mapId, items, sinceMs }, { nowMs, mapOf }) {
  const p95Ms = mapOf(mapId)?.runTimes.p95Ms;
  const ms = nowMs - sinceMs;
  return p95Ms != null && ms > STRAGGLER_MS && ms > STRAGGLER_TIMES * p95Ms * items;
}
