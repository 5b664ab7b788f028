/** `poolmq status`, `poolmq maps`, `poolmq workers`: a queue at one moment. */

import type { Command } from "commander";

import type { QueueView } from "../../watch/queue-view.ts";

import { EXIT, EXIT_CODES_WITHOUT_MAP_HELP } from "../base/exit-code.ts";
import { queueCommand, withQueue } from "../base/queue-command.ts";
import type { QueueFlags } from "../base/queue-command.ts";
import { machinesText } from "../view/machines-text.ts";
import { mapsTable } from "../view/maps-table.ts";
import { statusText } from "../view/status-text.ts";

export function statusCommand(): Command {
  return queueCommand("status")
    .summary("show a queue: its maps, its workers, what they run")
    .description(
      "Shows a queue as it is now: the jobs that wait, the maps in flight with their progress, and each worker process with what it runs. Maps are shown once they are a second old, or have failed, and for ten minutes after their end.",
    )
    .addHelpText(
      "after",
      `
Examples:
  poolmq status --queue thumbnails
  poolmq status --json | jq '.maps[] | select(.failed > 0) | .id'
${EXIT_CODES_WITHOUT_MAP_HELP}`,
    )
    .action((flags: QueueFlags) => show(flags, (view) => view, statusText));
}

export function mapsCommand(): Command {
  return queueCommand("maps")
    .summary("list the maps of a queue")
    .description(
      "Lists the maps in flight, the oldest first, then those that ended in the last ten minutes. A map that has no `mapId` and whose producer is gone is `lost`; one that has is `unattended`, and waits for attach() or the same call.",
    )
    .addHelpText("after", EXIT_CODES_WITHOUT_MAP_HELP)
    .action((flags: QueueFlags) =>
      show(
        flags,
        ({ maps }) => maps,
        ({ maps, atMs }, width) => (maps.length === 0 ? ["no maps"] : mapsTable(maps, { atMs, width })),
      ),
    );
}

export function workersCommand(): Command {
  return queueCommand("workers")
    .summary("list the worker machines of a queue and what they run")
    .description(
      "Lists the worker machines that are alive: their versions, the tasks that they have, and each process with what it runs now and for how long.",
    )
    .addHelpText("after", EXIT_CODES_WITHOUT_MAP_HELP)
    .action((flags: QueueFlags) =>
      show(
        flags,
        ({ machines }) => machines,
        ({ machines, maps, atMs }, width) =>
          machines.length === 0
            ? ["no worker is alive. Start one with: poolmq worker <module>"]
            : machinesText(machines, { atMs, width, maps }),
      ),
    );
}

async function show(
  flags: QueueFlags,
  part: (view: QueueView) => unknown,
  text: (view: QueueView, width: number) => string[],
): Promise<void> {
  await withQueue(flags, async ({ watcher }) => {
    const view = await watcher.readOnce();
    // Only on a terminal are lines cut to its width.
    const width = process.stdout.isTTY ? process.stdout.columns : Infinity;
    console.log(flags.json === true ? JSON.stringify(part(view), null, 2) : text(view, width).join("\n"));
    return EXIT.fine;
  });
}
