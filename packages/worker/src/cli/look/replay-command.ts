/** `poolmq replay`: runs a failed item in this terminal, under a debugger if wanted. */

import { Command, Option } from "commander";

import { findFailedItem } from "../../replay/find-failed-item.ts";
import { runHere } from "../../replay/run-here.ts";
import { modulePath } from "../../worker-options.ts";
import { EXIT } from "../base/exit-code.ts";
import type { ExitCode } from "../base/exit-code.ts";
import { findMapId } from "../base/find-map.ts";
import { integer } from "../base/integer.ts";
import { signingKeyOption, signingKeysOf } from "../base/operator.ts";
import { complain, withQueue } from "../base/queue-command.ts";
import type { QueueFlags, ReachedQueue } from "../base/queue-command.ts";
import { prefixOption, queueOption, redisOption } from "../base/queue-options.ts";
import { taskEnvironment } from "../base/task-environment.ts";

interface ReplayFlags extends QueueFlags {
  readonly tasks: string;
  readonly env: readonly string[];
  readonly signingKeyFile?: string;
  readonly inspectBrk?: true | string;
}

/** Where Node waits for a debugger if nothing else is said. */
const INSPECT_AT = "127.0.0.1:9229";

export function replayCommand(): Command {
  return new Command("replay")
    .summary("run a failed item in this terminal, under a debugger if wanted")
    .description(
      "Runs an item that failed once more, here: the same function with the very same arguments, the module's initializer, the task's context and the few variables that a worker's processes have. Its outcome is shown, and changes nothing in the queue. It has no time limit. The arguments are there of maps with a `mapId`, for as long as those are kept.",
    )
    .argument("<map>", "id of the map, or how it begins: `poolmq maps` lists them")
    .argument("<index>", "index of the item in the map's input, as its error has it", integer)
    .helpOption("-h, --help", "print this help")
    .addOption(
      new Option("-t, --tasks <module>", "the tasks module that the workers run")
        .env("POOLMQ_TASKS")
        .makeOptionMandatory(),
    )
    .addOption(
      new Option(
        "--inspect-brk [address]",
        `wait for a debugger at this address (default: ${INSPECT_AT}), and stop in it before the function is called`,
      ),
    )
    .addOption(
      new Option(
        "-e, --env <name>",
        "pass this variable on to the tasks (repeatable), as `poolmq worker` does",
      )
        .default([] as string[], "none")
        .argParser((name: string, names: string[]) => [...names, name]),
    )
    .addOption(queueOption())
    .addOption(prefixOption())
    .addOption(redisOption())
    .addOption(signingKeyOption())
    .addHelpText(
      "after",
      `
Examples:
  $ poolmq errors nightly-11-23                  # which items?
  $ poolmq replay nightly-11-23 4711 -t ./tasks.ts
  $ poolmq replay nightly-11-23 4711 -t ./tasks.ts --inspect-brk   # then chrome://inspect

Exit codes:
  0  the item succeeded
  1  it failed again, or could not be run
  2  the command line is wrong
  3  there is no such map, or nothing is kept of the item`,
    )
    .action((map: string, index: number, flags: ReplayFlags) =>
      withQueue(flags, async (queue) => await replay(queue, map, index, flags)),
    );
}

async function replay(
  { redis, keys, watcher }: ReachedQueue,
  given: string,
  index: number,
  flags: ReplayFlags,
): Promise<ExitCode> {
  const module = modulePath(flags.tasks);
  const env = taskEnvironment(flags.env, process.env);
  const { maps } = await watcher.read();
  const map =
    (await redis.exists(keys.failed(given))) === 1
      ? { id: given }
      : findMapId(
          given,
          maps.map(({ id }) => id),
        );
  if ("problem" in map) {
    complain(map.problem);
    return EXIT.notFound;
  }
  const found = await findFailedItem({ redis, keys, signingKeys: signingKeysOf(flags) }, map.id, index);
  if ("problem" in found) {
    complain(found.problem);
    return found.isGone ? EXIT.notFound : EXIT.error;
  }
  const inspectAt = flags.inspectBrk === true ? INSPECT_AT : flags.inspectBrk;
  const { exitCode, signal } = await runHere({ item: found.item, module }, { env, inspectAt });
  if (exitCode === 0) return EXIT.fine;
  if (signal !== null) complain(`The process of the item was ended by ${signal}`);
  return exitCode === EXIT.usage ? EXIT.usage : EXIT.error;
}
