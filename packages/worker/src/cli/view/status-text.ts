/** A whole queue on one screen. */

import type { QueueView } from "../../watch/queue-view.ts";

import { cutLine } from "./cut-line.ts";
import { bytes, clean, count } from "./format.ts";
import { machinesText } from "./machines-text.ts";
import { mapsTable } from "./maps-table.ts";

/** Only the last maps that ended are shown; `poolmq maps` lists all of them. */
const MAX_ENDED = 5;

export function statusText(view: QueueView, width: number): string[] {
  const { atMs, maps, machines } = view;
  const running = maps.filter(({ state }) => state === "running");
  const ended = maps.filter(({ state }) => state !== "running").slice(0, MAX_ENDED);
  const processes = machines.reduce((sum, machine) => sum + machine.processes, 0);
  const shown = [...running, ...ended];
  return [
    ...headLines(view, width),
    "",
    cutLine(
      width,
      [`${many(running.length, "map", "maps")} in flight`, "bold"],
      [ended.length === 0 ? "" : `, ${ended.length} of those that ended`, "dim"],
    ),
    ...(shown.length === 0 ? [] : mapsTable(shown, { atMs, width })),
    "",
    cutLine(width, [
      `${many(machines.length, "machine", "machines")}, ${many(processes, "process", "processes")}`,
      "bold",
    ]),
    ...machinesText(machines, { atMs, width, maps }),
  ];
}

function headLines({ queue, paused, jobs, redis, atMs, shards = [] }: QueueView, width: number): string[] {
  const { waiting, active, delayed, limited = 0 } = jobs;
  const memory =
    redis.maxBytes === null
      ? bytes(redis.usedBytes)
      : `${bytes(redis.usedBytes)} of ${bytes(redis.maxBytes)}`;
  const time = new Date(atMs).toISOString().slice(11, 19);
  const jobsText = `jobs: ${count(waiting)} waiting, ${count(active)} active, ${count(delayed)} delayed${limited === 0 ? "" : `, ${count(limited)} limited`}`;
  return [
    cutLine(
      width,
      [clean(queue), "bold"],
      ["  "],
      [`${redis.product} ${redis.version} · ${memory} · ${time} UTC`, "dim"],
    ),
    ...(paused ? [cutLine(width, ["paused", "yellow"], [": workers take no jobs until it is resumed"])] : []),
    cutLine(width, [jobsText]),
    ...shards.map((shard) => shardLine(shard, width)),
  ];
}

function shardLine(
  { address, jobs, redis }: NonNullable<QueueView["shards"]>[number],
  width: number,
): string {
  const name = `  ${clean(address)}: `;
  if (jobs === null || redis === null) return cutLine(width, [name], ["does not answer", "red"]);
  return cutLine(width, [
    `${name}${count(jobs.waiting)} waiting, ${count(jobs.active)} active, ${bytes(redis.usedBytes)}`,
  ]);
}

function many(n: number, one: string, more: string): string {
  return `${n === 0 ? "no" : count(n)} ${n === 1 ? one : more}`;
}
