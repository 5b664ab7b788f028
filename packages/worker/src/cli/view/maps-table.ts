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
    { title: "CALL", cell: ({ call, durable }) => (durable ? `${call}, durable` : call), optional: 4 },
    { title: "STATE", cell: stateOf, style: ({ state }) => STYLES[state] },
    {
      title: "",
      cell: ({ total, done }) => (total === null ? "" : bar(done, total, BAR_WIDTH)),
      style: ({ state }) => STYLES[state],
      optional: 2,
    },
    { title: "DONE", align: "right", cell: doneOf },
    {
      title: "FAILED",
      align: "right",
      cell: ({ failed }) => count(failed),
      style: ({ failed }) => (failed > 0 ? "red" : undefined),
    },
    { title: "RATE", align: "right", cell: ({ itemsPerS }) => rate(itemsPerS) },
    {
      title: "LEFT",
      align: "right",
      cell: ({ leftMs, state }) => (leftMs === null ? (state === "running" ? "?" : "") : duration(leftMs)),
    },
    {
      title: "AGE",
      align: "right",
      cell: ({ startedAtMs }) => duration(Math.max(0, atMs - startedAtMs)),
      optional: 3,
    },
    {
      title: "P95",
      align: "right",
      cell: ({ runTimes: { p95Ms } }) => (p95Ms === null ? "" : duration(p95Ms)),
      optional: 5,
    },
    { title: "PRODUCER", cell: producerOf, optional: 1, shrinkTo: 10 },
  ];
  return table(maps, columns, width);
}

function stateOf({ state, durable, producer }: MapView): string {
  return state === "running" && durable && !producer.alive ? "unattended" : state;
}

function doneOf({ done, total }: MapView): string {
  return total === null ? count(done) : `${count(done)}/${count(total)} ${percent(done, total).padStart(4)}`;
}

function producerOf({ producer: { host, pid } }: MapView): string {
  return `${host}:${pid}`;
}
