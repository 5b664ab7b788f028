/** `poolmq pause`, `poolmq resume` and `poolmq purge`: what can be done to a queue. */

import type { Command } from "commander";

import { isKnown } from "@poolmq/shared/redis";

import { MapControl } from "../../control/map-control.ts";
import { QueueControl } from "../../control/queue-control.ts";
import { onAllShards } from "../../control/queue-everywhere.ts";
import type { QueueOrders } from "../../control/queue-everywhere.ts";
import { EXIT, EXIT_CODES_HELP, EXIT_CODES_WITHOUT_MAP_HELP } from "../base/exit-code.ts";
import type { ExitCode } from "../base/exit-code.ts";
import { signingKeyOption, signingKeysOf, whoAmI } from "../base/operator.ts";
import type { OperatorFlags } from "../base/operator.ts";
import { complain, queueCommand, withQueue } from "../base/queue-command.ts";
import type { ReachedQueue } from "../base/queue-command.ts";
import { count } from "../view/format.ts";

export function pauseCommand(): Command {
  return queueCommand("pause")
    .summary("let the workers of a queue take no more jobs")
    .description(
      "Workers finish what they have taken, and take nothing more until `poolmq resume`. Producers may go on to enqueue. Jobs of a paused queue are no backlog: autoscalers start no machines for them.",
    )
    .addOption(signingKeyOption())
    .addHelpText("after", EXIT_CODES_WITHOUT_MAP_HELP)
    .action((flags: OperatorFlags) =>
      withControl(flags, async (control, { name, watcher }) => {
        await control.pause();
        const text = `${name} is paused: \`poolmq resume\` goes on with it`;
        say(flags, { queue: name, paused: true }, text + (await ifUnused(watcher)));
        return EXIT.fine;
      }),
    );
}

export function resumeCommand(): Command {
  return queueCommand("resume")
    .summary("let the workers of a paused queue take jobs again")
    .description(
      "Ends a pause, whoever began it: `poolmq pause`, or the pages of single jobs of the dashboard.",
    )
    .addOption(signingKeyOption())
    .addHelpText("after", EXIT_CODES_WITHOUT_MAP_HELP)
    .action((flags: OperatorFlags) =>
      withControl(flags, async (control, { name, watcher }) => {
        await control.resume();
        say(flags, { queue: name, paused: false }, `${name} goes on${await ifUnused(watcher)}`);
        return EXIT.fine;
      }),
    );
}

/** A second line where the queue's name may be a mistyped one; "" where it has machines, maps or jobs. */
async function ifUnused(watcher: ReachedQueue["watcher"]): Promise<string> {
  const { machines, maps, jobs } = await watcher.read();
  if (machines.length + maps.length + jobs.waiting + jobs.active + jobs.delayed > 0) return "";
  return "\nNo machine serves it and it has no jobs: `poolmq queues` shows the queues that there are";
}

interface PurgeFlags extends OperatorFlags {
  readonly dryRun?: true;
}

export function purgeCommand(): Command {
  return queueCommand("purge")
    .summary("remove what is left of maps whose producer is gone")
    .description(
      "Removes the jobs, outcomes and reports of a map that nobody can fetch any more: its producer is gone, and it has no `mapId`, or its keys have expired. Without an id, of all such maps. With an id, of a map with a `mapId` too, if its producer is gone.",
    )
    .argument("[map]", "the whole id of the map: --dry-run lists those that there are")
    .option("--dry-run", "only say what there is")
    .addOption(signingKeyOption())
    .addHelpText("after", EXIT_CODES_HELP)
    .action((map: string | undefined, flags: PurgeFlags) =>
      withControl(flags, async (control, queue) => {
        const dead = await control.dead();
        const ids = map === undefined ? [...dead.keys()] : [map];
        if (map !== undefined && !dead.has(map)) {
          const problem = await notToPurge(map, queue);
          if (problem !== undefined) {
            complain(problem.text);
            return problem.code;
          }
        }
        const purged: { mapId: string; jobs: number }[] = [];
        for (const mapId of ids) {
          const jobs = flags.dryRun === true ? (dead.get(mapId) ?? 0) : await control.purge(mapId);
          purged.push({ mapId, jobs });
        }
        const did = flags.dryRun === true ? "would be removed" : "removed";
        const lines = purged.map(({ mapId, jobs }) => `${mapId}: ${count(jobs)} jobs ${did}`);
        say(
          flags,
          purged,
          lines.length === 0 ? "nothing is left of maps whose producer is gone" : lines.join("\n"),
        );
        return EXIT.fine;
      }),
    );
}

/** Why a map must not be purged; `undefined` if it may. */
async function notToPurge(
  mapId: string,
  { shards, watcher }: ReachedQueue,
): Promise<{ readonly text: string; readonly code: ExitCode } | undefined> {
  let isThere = (await watcher.read()).maps.some(({ id }) => id === mapId);
  for (const { redis, keys, name, prefix } of shards) {
    const maps = new MapControl(redis, { queue: name, prefix });
    try {
      if (await maps.isAttended(mapId)) {
        return { text: `${mapId} has a producer that lives: \`poolmq cancel\` ends it`, code: EXIT.error };
      }
      isThere ||= /^[\w-]{1,100}$/.test(mapId) && (await isKnown(redis, keys, mapId));
    } finally {
      await maps.close();
    }
  }
  if (isThere) return undefined;
  const where = "`poolmq purge --dry-run` lists what is left of maps whose producer is gone";
  return { text: `There is no map "${mapId}" on this queue. ${where}`, code: EXIT.notFound };
}

async function withControl(
  flags: OperatorFlags,
  action: (control: QueueOrders, queue: ReachedQueue) => Promise<ExitCode>,
): Promise<void> {
  await withQueue(flags, async (queue) => {
    const signingKeys = signingKeysOf(flags);
    const controls = queue.shards.map(
      ({ redis, name, prefix }) =>
        new QueueControl(redis, { queue: name, prefix, signingKeys, by: whoAmI() }),
    );
    try {
      return await action(onAllShards(controls), queue);
    } finally {
      await Promise.all(controls.map((control) => control.close()));
    }
  });
}

function say({ json }: OperatorFlags, facts: unknown, text: string): void {
  console.log(json === true ? JSON.stringify(facts, null, 2) : text);
}
