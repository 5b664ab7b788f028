/** A whole queue on one screen. */

import type { QueueView } from "../../watch/queue-view.ts";

import { bytes, clean, count } from "./format.ts";
import { machinesText } from "./machines-text.ts";
import { mapsTable } from "./maps-table.ts";
import { paint } from "./paint.ts";

/** Only the last maps that ended are shown; `poolmq maps` lists all of them. */
const MAX_ENDED = 5;

export function statusText(view: QueueView, width: number): string[] {
  const { atMs, maps, machines } = view;
  const running = maps.filter(({ state }) => state === "running");
  const ended = maps.filter(({ state }) => state !== "running").slice(0, MAX_ENDED);
  const processes = machines.reduce((sum, machine) => sum + machine.processes, 0);
  const shown = [...running, ...ended];
  return [
    ...headLines(view),
    "",
    paint("bold", `${many(running.length, "map", "maps")} in flight`) +
      (ended.length === 0 ? "" : paint("dim", `, ${ended.length} of those that ended`)),
    ...(shown.length === 0 ? [] : mapsTable(shown, { atMs, width })),
    "",
    paint(
      "bold",
      `${many(machines.length, "machine", "machines")}, ${many(processes, "process", "processes")}`,
    ),
    ...machinesText(machines, { atMs, width, maps }),
  ];
}

function headLines({ queue, paused, jobs, redis, atMs, shards = [] }: QueueView): string[] {
  const { waiting, active, delayed, limited = 0 } = jobs;
  const memory =
    redis.maxBytes === null
      ? bytes(redis.usedBytes)
      : `${bytes(redis.usedBytes)} of ${bytes(redis.maxBytes)}`;
  const time = new Date(atMs).toISOString().slice(11, 19);
  return [
    `${paint("bold", clean(queue))}  ${paint("dim", `${redis.product} ${redis.version} · ${memory} · ${time} UTC`)}`,
    ...(paused ? [`${paint("yellow", "paused")}: workers take no jobs until it is resumed`] : []),
    `jobs: ${count(waiting)} waiting, ${count(active)} active, ${count(delayed)} delayed${limited === 0 ? "" : `, ${count(limited)} limited`}`,
    ...shards.map(shardLine),
  ];
}

function shardLine({ address, jobs, redis }: NonNullable<QueueView["shards"]>[number]): string {
  const name = `  ${clean(address)}: `;
  if (jobs === null || redis === null) return `${name}${paint("red", "does not answer")}`;
  return `${name}${count(jobs.waiting)} waiting, ${count(jobs.active)} active, ${bytes(redis.usedBytes)}`;
}

function many(n: number, one: string, more: string): string {
  return `${n === 0 ? "no" : count(n)} ${n === 1 ? one : more}`;
}
