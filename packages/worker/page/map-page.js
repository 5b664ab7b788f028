/** The page of one map. */

import { h } from "./preact.js";
import { busyOf } from "./busy.js";
import { Histogram, LineChart } from "./charts.js";
import { ErrorGroups } from "./error-groups.js";
import { Fact } from "./fact.js";
import { Fetched } from "./fetched.js";
import { count, duration, plural, short } from "./format.js";
import { LogLines } from "./log-lines.js";
import { isStraggler, runText } from "./machines.js";
import { progressText, ProgressBar, StateBadge, timeText } from "./progress.js";

/**
 * @typedef {import("./model.js").Model} Model
 * @typedef {import("./model.js").Actions} Actions
 * @typedef {import("../src/feed/messages.ts").PageMap} MapView
 */

/** How often the histogram of run times is fetched. */
const TIMES_EVERY_MS = 2_000;

/** Of what runs now, those that have run longest. */
const RUNS = 10;

/** @param {{ model: Model, actions: Actions, mapId: string }} props */
export function MapPage({ model, actions, mapId }) {
  const map = model.mapOf(mapId);
  const back = h("p", {}, h("a", { href: "#/" }, "← All maps"));
  if (map === undefined) {
    return h(
      "main",
      {},
      back,
      h("h2", {}, "Map ", mapId),
      h(
        "p",
        { class: "quiet" },
        "It is not there any more, or not told of yet: a map shows after its first second.",
      ),
    );
  }
  const { id, task, call, state, durable, producer, runTimes, reason, retriable } = map;
  const points = model.pointsOf(id);
  const errors = model.errors.filter((of) => of.mapId === id);
  return h(
    "main",
    { class: "map-page" },
    back,
    h(
      "div",
      { class: "headline" },
      h("h2", {}, task, " ", h(StateBadge, { map })),
      h(
        "a",
        {
          class: "button",
          href: `/report?${new URLSearchParams({ queue: model.view.queue, map: id })}`,
          download: "",
        },
        "Save a report",
      ),
      model.writable && retriable
        ? h("button", { type: "button", onClick: () => actions.retry(map) }, "Retry failed items")
        : null,
      model.writable && (state === "running" || state === "lost")
        ? h("button", { type: "button", onClick: () => actions.cancel(map) }, "Cancel this map")
        : null,
    ),
    h("p", { class: "quiet id" }, `${call} ${id}`),
    reason === null ? null : h("p", { class: "bad" }, reason),
    h(ProgressBar, { map }),
    h("p", { class: "figures" }, progressText(map)),
    h(
      "dl",
      { class: "facts" },
      h(Fact, { name: state === "running" ? "Time left" : "Time" }, timeText(map, model.nowMs)),
      h(Fact, { name: "Items per second" }, short(map.itemsPerS)),
      h(Fact, { name: "Under way" }, plural(map.running, "item")),
      h(Fact, { name: "Mean run time" }, runTimes.meanMs === null ? "–" : duration(runTimes.meanMs)),
      h(
        Fact,
        { name: "Producer" },
        `${producer.host}, pid ${producer.pid}`,
        producer.alive || state !== "running"
          ? ""
          : ` · silent for ${duration(producer.silentMs)}${durable ? ", goes on without it" : ""}`,
      ),
    ),
    h(
      "div",
      { class: "charts" },
      points.length === 0
        ? h(
            "figure",
            { class: "chart" },
            h("figcaption", {}, h("span", { class: "title" }, "Items per second")),
            h("p", { class: "quiet" }, "Nobody looked while it ran."),
          )
        : h(LineChart, {
            title: "Items per second",
            times: points.map(({ atMs }) => atMs),
            format: short,
            series: [{ name: "items/s", color: "c0", values: points.map(({ itemsPerS }) => itemsPerS) }],
          }),
      h(
        "figure",
        { class: "chart" },
        h("figcaption", {}, h("span", { class: "title" }, "Run time of items")),
        h(Fetched, {
          url: `/times?${new URLSearchParams({ queue: model.view.queue, map: id })}`,
          everyMs: TIMES_EVERY_MS,
          draw: (fetched) => {
            const histogram =
              /** @type {import("@poolmq/shared/internal").RunTimes["histogram"] | undefined} */ (fetched);
            return histogram === undefined ? null : h(Histogram, { runTimes: { ...runTimes, histogram } });
          },
        }),
      ),
    ),
    h(
      "section",
      { "aria-labelledby": "errors" },
      h(
        "h3",
        { id: "errors" },
        "Errors ",
        map.failed === 0 ? "" : h("span", { class: "quiet" }, count(map.failed)),
      ),
      h(ErrorGroups, { errors, nowMs: model.nowMs, ofOneMap: true }),
    ),
    h(
      "section",
      { "aria-labelledby": "running" },
      h("h3", { id: "running" }, "Running longest"),
      h(Running, { model, map }),
    ),
    h(
      "section",
      { "aria-labelledby": "log" },
      h("h3", { id: "log" }, "Its log"),
      h(LogLines, { queue: model.view.queue, about: { map: id } }),
    ),
  );
}

/** Who keeps a map from its end. @param {{ model: Model, map: MapView }} props */
function Running({ model, map }) {
  const runs = model.view.machines
    .flatMap(({ host, silentMs, children }) =>
      (children ?? []).flatMap(({ pid, running }) =>
        running
          .filter(({ mapId }) => mapId === map.id)
          .map((run) => ({ host, pid, run, nowMs: model.nowMs - silentMs })),
      ),
    )
    .toSorted((a, b) => a.run.sinceMs - b.run.sinceMs);
  if (runs.length === 0) {
    const { untold } = busyOf(model.view.machines);
    const text =
      untold === 0 || map.state !== "running"
        ? "Nothing of it runs now."
        : `Not known yet: ${plural(untold, "machine")} ${untold === 1 ? "has" : "have"} not told what runs there.`;
    return h("p", { class: "quiet" }, text);
  }
  return h(
    "div",
    {},
    h(
      "ul",
      { class: "runs" },
      runs
        .slice(0, RUNS)
        .map(({ host, pid, run, nowMs }) =>
          h(
            "li",
            { key: `${host} ${pid} ${run.index}` },
            h("a", { href: `#/maps/${encodeURIComponent(map.id)}/items/${run.index}` }, runText(run, nowMs)),
            isStraggler(run, { nowMs, mapOf: model.mapOf })
              ? h("span", { class: "badge warn" }, "straggler")
              : null,
            h("span", { class: "quiet" }, `on ${host}, pid ${pid}`),
          ),
        ),
    ),
    runs.length > RUNS ? h("p", { class: "quiet" }, `and ${count(runs.length - RUNS)} more`) : null,
  );
}
