/** `poolmq queues`: which queues a Redis holds. */

import type { Command } from "commander";
import { Cluster } from "ioredis";
import type { Redis } from "ioredis";

import { queueKeys, readAdvertisement, readQueue } from "@poolmq/shared/redis";

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
  /** Machines whose last heartbeat came in time. */
  readonly machines: number;
  readonly processes: number;
  /** Machines that missed some heartbeats: killed, frozen or cut off. */
  readonly silent: number;
}

const SCAN_COUNT = 1_000;

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
      withQueue(flags, async ({ redis, prefix }) => {
        const names = await queueNames(redis, prefix);
        const lines = await Promise.all(names.map((name) => lineOf(redis, name, prefix)));
        const width = process.stdout.isTTY ? process.stdout.columns : Infinity;
        const shown = lines.length === 0 ? ["no queues"] : tableOf(lines, width);
        console.log(flags.json === true ? JSON.stringify(lines, null, 2) : shown.join("\n"));
        return EXIT.fine;
      }),
    );
}

async function queueNames(redis: Redis | Cluster, prefix: string): Promise<string[]> {
  const names = new Set<string>();
  const nodes = redis instanceof Cluster ? redis.nodes("master") : [redis];
  for (const node of nodes) {
    for (let cursor = "0"; ;) {
      const [next, keys] = await node.scan(cursor, "MATCH", `${prefix}:{*}:*`, "COUNT", SCAN_COUNT);
      for (const key of keys) {
        const end = key.indexOf("}");
        // A watcher of a queue that does not exist leaves these keys for some seconds.
        if (!LOOKERS.has(key.slice(end + 2))) names.add(key.slice(prefix.length + 2, end));
      }
      if (next === "0") break;
      cursor = next;
    }
  }
  return [...names].toSorted();
}

async function lineOf(redis: Redis | Cluster, queue: string, prefix: string): Promise<QueueLine> {
  const { paused, jobs, machines, atMs } = await readQueue(redis, queueKeys(queue, prefix));
  const heard = machines.filter(({ beatAtMs }) => atMs - beatAtMs <= LATE_MS);
  const told = heard.flatMap(({ advertisement }) => readAdvertisement(advertisement) ?? []);
  return {
    queue,
    paused,
    ...jobs,
    machines: told.length,
    processes: told.reduce((sum, { processes }) => sum + processes, 0),
    silent: machines.length - heard.length,
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
