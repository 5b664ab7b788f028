/** The page of a queue. */

import { h } from "./preact.js";
import { busyOf, ofSlots } from "./busy.js";
import { LineChart } from "./charts.js";
import { ErrorGroups } from "./error-groups.js";
import { bytes, count, plural, short } from "./format.js";
import { Machines } from "./machines.js";
import { MachinesGrid } from "./machines-grid.js";
import { filtered, MapsFilterBar } from "./maps-filter.js";
import { MapsTable } from "./maps-table.js";

/**
 * @typedef {import("./model.js").Model} Model
 * @typedef {import("./model.js").Actions} Actions
 */

/** More than this, and each gets a cell in place of the lanes of its processes: the server tells no spans of so many. */
const MANY_MACHINES = 8;

/** @param {{ model: Model, actions: Actions }} props */
export function Overview({ model, actions }) {
  const { view, nowMs } = model;
  const { maps, machines } = view;
  const failed = model.errors.reduce((sum, errors) => sum + errors.failed, 0);
  return h(
    "main",
    {},
    view.paused
      ? h(
          "p",
          { class: "notice" },
          "Paused: workers take no jobs until the queue is resumed (poolmq resume).",
        )
      : null,
    h(AwayNotice, { shards: view.shards ?? [] }),
    h(Tiles, { model }),
    h(Sections, {
      names: {
        maps: "Maps",
        ...(failed === 0 ? {} : { errors: "Errors" }),
        machines: "Machines",
        queue: "Queue",
      },
    }),
    h(
      "section",
      { "aria-labelledby": "maps" },
      h("h2", { id: "maps" }, "Maps"),
      h(MapsFilterBar, { maps, filter: model.filter, onFilter: actions.filter }),
      h(MapsTable, {
        maps: filtered(maps, model.filter),
        none: maps.length > 0,
        nowMs,
        colorOf: model.colorOf,
        onCancel: model.writable ? actions.cancel : undefined,
      }),
    ),
    failed === 0
      ? null
      : h(
          "section",
          { "aria-labelledby": "errors" },
          h("h2", { id: "errors" }, "Errors ", h("span", { class: "quiet" }, count(failed))),
          h(ErrorGroups, { errors: model.errors, nowMs }),
        ),
    h(
      "section",
      { "aria-labelledby": "machines" },
      h(
        "h2",
        { id: "machines" },
        "Machines ",
        h(
          "span",
          { class: "quiet" },
          machines.length > MANY_MACHINES
            ? `${count(machines.length)}, the last two minutes`
            : `${plural(machines.length, "machine")}, the last minute`,
        ),
      ),
      machines.length > MANY_MACHINES
        ? h(MachinesGrid, { model })
        : h(Machines, {
            machines,
            nowMs,
            seen: model.seen,
            spansOf: model.spansOf,
            colorOf: model.colorOf,
            mapOf: model.mapOf,
            toggled: model.toggled,
            onToggle: actions.toggle,
          }),
    ),
    h(
      "section",
      { "aria-labelledby": "queue" },
      h("h2", { id: "queue" }, "Queue and Redis"),
      h(QueueCharts, { model }),
    ),
  );
}

/** @typedef {NonNullable<Model["view"]["shards"]>[number]} Shard */

/** What is missing on the page, and where it is. @param {{ shards: readonly Shard[] }} props */
function AwayNotice({ shards }) {
  const away = shards.filter(({ answers }) => !answers);
  if (away.length === 0) return null;
  const which = away.map(({ address }) => address).join(" and ");
  const text = `${which} ${away.length === 1 ? "does" : "do"} not answer: jobs that lie there are not counted.`;
  return h("p", { class: "notice", role: "status" }, text);
}

/** Buttons that scroll to a section. Links would change the address, which names the page. @param {{ names: Record<string, string> }} props */
function Sections({ names }) {
  return h(
    "nav",
    { class: "sections", "aria-label": "Sections" },
    Object.entries(names).map(([id, name]) =>
      h(
        "button",
        { key: id, type: "button", onClick: () => document.getElementById(id)?.scrollIntoView() },
        name,
      ),
    ),
  );
}

/** What is asked first: how fast, how much is left, who works on it. @param {{ model: Model }} props */
function Tiles({ model: { view, history } }) {
  const { jobs, machines, redis } = view;
  const times = history.map(({ atMs }) => atMs);
  const latest = history.at(-1);
  const { running, slots, untold } = busyOf(machines);
  return h(
    "div",
    { class: "tiles" },
    h(Tile, {
      name: "Items per second",
      value: short(latest?.itemsPerS ?? 0),
      chart: { times, color: "c0", values: history.map(({ itemsPerS }) => itemsPerS) },
    }),
    h(Tile, {
      name: "Jobs waiting",
      value: short(jobs.waiting + jobs.delayed + (jobs.limited ?? 0)),
      note: waitingNote(jobs),
      chart: {
        times,
        color: "c1",
        values: history.map(({ waiting, delayed, limited = 0 }) => waiting + delayed + limited),
      },
    }),
    h(Tile, {
      name: "Processes busy",
      value: ofSlots(running, slots, short),
      note: `${plural(machines.length, "machine")}${untold === 0 ? "" : `, ${short(untold)} not counted`}`,
      share: slots === 0 ? 0 : (running ?? 0) / slots,
    }),
    h(Tile, {
      name: "Redis memory",
      value: bytes(redis.usedBytes),
      note: memoryNote(view),
      chart: { times, color: "c2", values: history.map(({ usedBytes }) => usedBytes) },
    }),
  );
}

/** @param {Model["view"]} view */
function memoryNote({ redis, shards }) {
  const limit = redis.maxBytes === null ? "no limit" : `of ${bytes(redis.maxBytes)}`;
  return shards === undefined ? limit : `${limit}, the fullest of ${shards.length}`;
}

/** What jobs wait for, beside a worker. @param {{ delayed: number, limited?: number | undefined }} jobs */
function waitingNote({ delayed, limited = 0 }) {
  const parts = [];
  if (delayed > 0) parts.push(`${short(delayed)} for another attempt`);
  if (limited > 0) parts.push(`${short(limited)} for their limit`);
  return parts.join(", ");
}

/**
 * @param {{
 *   name: string, value: string, note?: string, share?: number,
 *   chart?: { times: readonly number[], color: string, values: readonly number[] },
 * }} props
 */
function Tile({ name, value, note = "", share, chart }) {
  return h(
    "div",
    { class: "tile" },
    h("span", { class: "name" }, name),
    h("span", { class: "value" }, value),
    h("span", { class: "note quiet" }, note),
    chart === undefined
      ? null
      : h(LineChart, {
          title: name,
          times: chart.times,
          series: [{ name, color: chart.color, values: chart.values }],
          format: short,
          small: true,
        }),
    share === undefined
      ? null
      : h("div", { class: "meter" }, h("span", { style: { width: `${share * 100}%` } })),
  );
}

/** @param {{ model: Model }} props */
function QueueCharts({ model: { history, view } }) {
  const times = history.map(({ atMs }) => atMs);
  const { redis } = view;
  return h(
    "div",
    {},
    h(
      "div",
      { class: "charts" },
      h(LineChart, {
        title: "Jobs",
        times,
        format: short,
        series: [
          { name: "waiting", color: "c1", values: history.map(({ waiting }) => waiting) },
          { name: "active", color: "c0", values: history.map(({ active }) => active) },
          { name: "delayed", color: "c3", values: history.map(({ delayed }) => delayed) },
        ],
      }),
      h(LineChart, {
        title: "Redis memory",
        times,
        format: bytes,
        binary: true,
        series: [{ name: "used", color: "c2", values: history.map(({ usedBytes }) => usedBytes) }],
      }),
    ),
    h(
      "p",
      { class: "quiet" },
      `${redis.product === "valkey" ? "Valkey" : "Redis"} ${redis.version}, ${plural(redis.clients, "connection")}`,
    ),
    view.shards === undefined ? null : h(ShardsTable, { shards: view.shards }),
  );
}

/** The servers over which the queue is spread. @param {{ shards: readonly Shard[] }} props */
function ShardsTable({ shards }) {
  return h(
    "div",
    { class: "servers" },
    h(
      "table",
      { "aria-label": "Servers" },
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          h("th", {}, "Server"),
          ["Waiting", "Active", "Delayed", "Memory", "Connections"].map((name) =>
            h("th", { key: name, class: "number" }, name),
          ),
        ),
      ),
      h(
        "tbody",
        {},
        shards.map(({ address, jobs, redis }) =>
          h(
            "tr",
            { key: address },
            h("td", { class: "id" }, address),
            jobs === null || redis === null
              ? h("td", { colSpan: 5, class: "bad" }, "does not answer")
              : [jobs.waiting, jobs.active, jobs.delayed]
                  .map(count)
                  .concat(bytes(redis.usedBytes), count(redis.clients))
                  .map((cell, at) => h("td", { key: at, class: "number" }, cell)),
          ),
        ),
      ),
    ),
  );
}
