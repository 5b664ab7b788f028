/** `poolmq errors`: the errors of a map's items. */

import type { Command } from "commander";

import { EXIT, EXIT_CODES_HELP } from "../base/exit-code.ts";
import { findMapId } from "../base/find-map.ts";
import { complain, queueCommand, withQueue } from "../base/queue-command.ts";
import type { QueueFlags } from "../base/queue-command.ts";
import { errorsText } from "../view/errors-text.ts";

export function errorsCommand(): Command {
  return queueCommand("errors")
    .summary("show why items of a map failed")
    .description(
      "Shows the errors of a map, those of the same class and message together (numbers in messages may differ, and one message is shown as an example then): how many, of which items, and one stack. They are kept for ten minutes after the end of the map: 20 kinds at most, each with the indices of its first 100 items.",
    )
    .argument("<map>", "id of the map, or its beginning: `poolmq maps` lists them")
    .addHelpText("after", EXIT_CODES_HELP)
    .action((map: string, flags: QueueFlags) => errors(map, flags));
}

async function errors(given: string, flags: QueueFlags): Promise<void> {
  await withQueue(flags, async ({ watcher }) => {
    const { maps, atMs } = await watcher.read();
    const found = findMapId(
      given,
      maps.map(({ id }) => id),
    );
    const view = "id" in found ? await watcher.errors(found.id) : undefined;
    if ("problem" in found || view === undefined) {
      complain("problem" in found ? found.problem : `Map ${found.id} was just forgotten`);
      return EXIT.notFound;
    }
    console.log(flags.json === true ? JSON.stringify(view, null, 2) : errorsText(view, atMs).join("\n"));
    return EXIT.fine;
  });
}
