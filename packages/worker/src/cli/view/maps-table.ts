import type { MapState } from "@poolmq/shared/internal";
import type { MapView } from "../../watch/queue-view.ts";

import { bar, count, duration, percent, rate } from "./format.ts";
import type { Style } from "./paint.ts";
import { table } from "./table.ts";
import type { Column } from "./table.ts";

const BAR_WIDTH = 12;

const STYLES: Readonly<Record<MapState, Style>> = {
  running: "cyan",
  done: "green",
  failed: "red",
  cancelled: "yellow",
  lost: "red",
};

/** Maps, a line each. */
export function mapsTable(
  maps: readonly MapView[],
  { atMs, width }: { atMs: number; width: number },
): string[] {
  const columns: readonly Column<MapView>[] = [
    { title: "MAP", cell: ({ id }) => id, shrinkTo: 14 },
    { title: "TASK", cell: ({ task }) => task, shrinkTo: 9 },
    { title: "CALL", cell: ({ call, durable }) => (durable ? `${call}, durable` : call), optional: 6 },
    { title: "STATE", cell: stateOf, style: styleOf },
    {
      title: "",
      cell: ({ total, done }) => (total === null ? "" : bar(done, total, BAR_WIDTH)),
      style: ({ state }) => STYLES[state],
      optional: 4,
    },
    { title: "DONE", align: "right", cell: doneOf },
    {
      title: "FAILED",
      align: "right",
      cell: ({ failed }) => count(failed),
      style: ({ failed }) => (failed > 0 ? "red" : undefined),
    },
    { title: "RATE", align: "right", cell: ({ itemsPerS }) => rate(itemsPerS), optional: 2 },
    {
      title: "LEFT",
      align: "right",
      cell: leftOf,
      optional: 1,
    },
    {
      title: "TIME",
      align: "right",
      cell: (map) => ageOf(map, atMs),
      optional: 5,
    },
    {
      title: "P95",
      align: "right",
      cell: ({ runTimes: { p95Ms } }) => (p95Ms === null ? "" : duration(p95Ms)),
      optional: 7,
    },
    { title: "PRODUCER", cell: producerOf, optional: 3, shrinkTo: 10 },
  ];
  return table(maps, columns, width);
}

const WAITS_FOR: Readonly<Record<NonNullable<MapView["waitsFor"]>, string>> = {
  resume: "paused",
  workers: "no workers",
  turn: "waiting",
  limit: "limited",
  retry: "retrying",
};

function stateOf({ state, durable, producer, waitsFor }: MapView): string {
  if (waitsFor !== null) return WAITS_FOR[waitsFor];
  return state === "running" && durable && !producer.alive ? "unattended" : state;
}

function styleOf({ state, waitsFor }: MapView): Style {
  return waitsFor === null ? STYLES[state] : "yellow";
}

/** The time left. A map that waits has no rate, and so no estimate. */
function leftOf({ leftMs, state, waitsFor, total, done }: MapView): string {
  if (leftMs !== null) return duration(leftMs);
  return state === "running" && waitsFor === null && done !== total ? "?" : "";
}

/** The time since a map began; of one that has ended, how long it took. */
function ageOf({ startedAtMs, endedAtMs }: MapView, atMs: number): string {
  return duration(Math.max(0, (endedAtMs ?? atMs) - startedAtMs));
}

function doneOf({ done, total }: MapView): string {
  return total === null ? count(done) : `${count(done)}/${count(total)} ${percent(done, total).padStart(4)}`;
}

function producerOf({ producer: { host, pid } }: MapView): string {
  return `${host}:${pid}`;
}
