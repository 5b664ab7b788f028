/** `poolmq queues`: which queues a Redis holds. */

import type { Command } from "commander";
import type { Cluster, Redis } from "ioredis";

import { shardNames } from "@poolmq/shared/internal";
import type { WorkerAdvertisement } from "@poolmq/shared/internal";
import { queueKeys, readAdvertisement, readQueue, scanKeys } from "@poolmq/shared/redis";

import { EXIT, EXIT_CODES_WITHOUT_MAP_HELP } from "../base/exit-code.ts";
import { queueCommand, withQueue } from "../base/queue-command.ts";
import type { QueueFlags } from "../base/queue-command.ts";
import { count } from "../view/format.ts";
import { LATE_MS } from "../view/machines-text.ts";
import { table } from "../view/table.ts";

/** A queue, in a line. */
interface QueueLine {
  readonly queue: string;
  readonly paused: boolean;
  readonly waiting: number;
  readonly active: number;
  readonly delayed: number;
  /** Jobs that wait for a permit of their limit. Absent: none. */
  readonly limited?: number;
  /** Machines whose last heartbeat came in time. */
  readonly machines: number;
  readonly processes: number;
  /** Machines that missed some heartbeats: killed, frozen or cut off. */
  readonly silent: number;
}

/** Keys that watchers of a queue write. */
const LOOKERS: ReadonlySet<string> = new Set(["watch", "listen"]);

export function queuesCommand(): Command {
  const command = queueCommand("queues");
  // The flag is accepted, as by all commands, but has no effect here.
  command.options.find(({ long }) => long === "--queue")?.hideHelp();
  return command
    .summary("list the queues of a Redis")
    .description(
      "Lists the queues with this --prefix that a Redis holds: what waits and runs, and who serves them. It goes through the names of all keys, which takes a login that may SCAN: those of `poolmq acl` are for one queue each.",
    )
    .addHelpText("after", EXIT_CODES_WITHOUT_MAP_HELP)
    .action((flags: QueueFlags) =>
      withQueue(flags, async ({ shards, prefix }) => {
        // The shards of a Cluster are on one connection.
        const servers = [...new Set(shards.map(({ redis }) => redis))];
        const places = await Promise.all(
          servers.map(async (redis) => {
            return (await queueNames(redis, prefix)).map((name): QueuePlace => ({ redis, name }));
          }),
        );
        const byQueue = Map.groupBy(places.flat(), queueOf(places.flat(), flags.shards ?? 1));
        const lines = await Promise.all(
          [...byQueue]
            .toSorted(([a], [b]) => (a < b ? -1 : 1))
            .map(async ([queue, parts]) => await lineOf(queue, parts, prefix)),
        );
        const width = process.stdout.isTTY ? process.stdout.columns : Infinity;
        const shown = lines.length === 0 ? ["no queues"] : tableOf(lines, width);
        console.log(flags.json === true ? JSON.stringify(lines, null, 2) : shown.join("\n"));
        return EXIT.fine;
      }),
    );
}

/** Where jobs of a queue are: all of them, or those of one of its shards. */
interface QueuePlace {
  readonly redis: Redis | Cluster;
  /** What the queue, or the shard, is called there. */
  readonly name: string;
}

/** Gives the queue of which a place is a part: on a Cluster, a queue of several shards has a name for each. */
function queueOf(places: readonly QueuePlace[], shards: number): (place: QueuePlace) => string {
  const known = new Map<string, string>();
  for (const { name } of places) {
    for (const part of shards === 1 ? [] : shardNames(name, shards).slice(1)) known.set(part, name);
  }
  return ({ name }) => known.get(name) ?? name;
}

async function queueNames(redis: Redis | Cluster, prefix: string): Promise<string[]> {
  const names = new Set<string>();
  for await (const keys of scanKeys(redis, `${prefix}:{*}:*`)) {
    for (const key of keys) {
      const end = key.indexOf("}");
      // A watcher of a queue that does not exist leaves these keys for some seconds.
      if (!LOOKERS.has(key.slice(end + 2))) names.add(key.slice(prefix.length + 2, end));
    }
  }
  return [...names];
}

async function lineOf(queue: string, parts: readonly QueuePlace[], prefix: string): Promise<QueueLine> {
  const readings = await Promise.all(
    parts.map(async ({ redis, name }) => await readQueue(redis, queueKeys(name, prefix))),
  );
  // A machine serves all shards, and is heard of on each.
  const heard = new Map<string, WorkerAdvertisement>();
  const silent = new Set<string>();
  for (const { machines, atMs } of readings) {
    for (const { advertisement, beatAtMs } of machines) {
      const told = readAdvertisement(advertisement);
      if (told === undefined) continue;
      if (atMs - beatAtMs <= LATE_MS) heard.set(told.id, told);
      else silent.add(told.id);
    }
  }
  const sum = (count: (reading: (typeof readings)[number]) => number): number =>
    readings.reduce((all, reading) => all + count(reading), 0);
  const limited = sum(({ jobs }) => jobs.limited ?? 0);
  return {
    queue,
    paused: readings.some(({ paused }) => paused),
    waiting: sum(({ jobs }) => jobs.waiting),
    active: sum(({ jobs }) => jobs.active),
    delayed: sum(({ jobs }) => jobs.delayed),
    ...(limited === 0 ? {} : { limited }),
    machines: heard.size,
    processes: [...heard.values()].reduce((all, { processes }) => all + processes, 0),
    silent: [...silent].filter((id) => !heard.has(id)).length,
  };
}

function tableOf(lines: readonly QueueLine[], width: number): string[] {
  return table(
    lines,
    [
      { title: "QUEUE", cell: ({ queue }) => queue, shrinkTo: 14 },
      {
        title: "STATE",
        cell: ({ paused, machines, silent }) => {
          if (paused) return "paused";
          return machines > 0 ? "served" : silent > 0 ? "workers silent" : "no workers";
        },
      },
      { title: "WAITING", align: "right", cell: ({ waiting }) => count(waiting) },
      { title: "ACTIVE", align: "right", cell: ({ active }) => count(active) },
      { title: "DELAYED", align: "right", cell: ({ delayed }) => count(delayed), optional: 1 },
      { title: "MACHINES", align: "right", cell: ({ machines }) => count(machines) },
      { title: "PROCESSES", align: "right", cell: ({ processes }) => count(processes), optional: 2 },
    ],
    width,
  );
}
