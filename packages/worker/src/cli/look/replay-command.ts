/** `poolmq replay`: runs a failed item in this terminal, under a debugger if wanted. */

import { Command, Option } from "commander";

import { findFailedItem } from "../../replay/find-failed-item.ts";
import { readReplayFile, REPLAY_EXTENSION } from "../../replay/replay-file.ts";
import type { ReplayItem } from "../../replay/replay-item.ts";
import { runHere } from "../../replay/run-here.ts";
import { modulePath } from "../../worker-options.ts";
import { EXIT } from "../base/exit-code.ts";
import type { ExitCode } from "../base/exit-code.ts";
import { findMapId } from "../base/find-map.ts";
import { natural } from "../base/integer.ts";
import { signingKeyOption, signingKeysOf } from "../base/operator.ts";
import { complain, withQueue } from "../base/queue-command.ts";
import type { QueueFlags, ReachedQueue } from "../base/queue-command.ts";
import { prefixOption, queueOption, redisOptions, shardsOption } from "../base/queue-options.ts";
import { exitCodeFor, reportError } from "../base/report-error.ts";
import { taskEnvironment } from "../base/task-environment.ts";

interface ReplayFlags extends QueueFlags {
  readonly tasks?: string;
  readonly env: readonly string[];
  readonly signingKeyFile?: string;
  readonly inspectBrk?: true | string;
}

/** Node's default address for a debugger. */
const INSPECT_AT = "127.0.0.1:9229";

export function replayCommand(): Command {
  return new Command("replay")
    .summary("run a failed item in this terminal, under a debugger if wanted")
    .description(
      "Runs an item that failed once more, here: the same function with the very same arguments, the module's initializer, the task's context and the few variables that a worker's processes have. Its outcome is shown, and changes nothing in the queue; no time limit applies. The arguments of maps with a `mapId` are kept as long as the map, and those of some failed items of calls with `keepFailed`.",
    )
    .argument(
      "<map>",
      "id of the map, or its beginning: `poolmq maps` lists them; or a file, as `error.remote.replay` has it",
    )
    .argument(
      "[index]",
      "index of the item in the map's input, as its error has it; not with a file",
      natural,
    )
    .helpOption("-h, --help", "print this help")
    .addOption(
      new Option(
        "-t, --tasks <module>",
        "the tasks module that the workers run (default of a file: that of its pool)",
      ).env("POOLMQ_TASKS"),
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
    .addOption(redisOptions())
    .addOption(shardsOption())
    .addOption(signingKeyOption("check whether the item is genuine"))
    .addHelpText(
      "after",
      `
Examples:
  $ poolmq errors nightly-11-23                  # which items?
  $ poolmq replay nightly-11-23 4711 -t ./tasks.ts
  $ poolmq replay nightly-11-23 4711 -t ./tasks.ts --inspect-brk

Exit codes:
  0  the item succeeded
  1  it failed again, or could not be run
  2  the command line is wrong
  3  there is no such map, or nothing is kept of the item`,
    )
    .action(async (map: string, index: number | undefined, flags: ReplayFlags) => {
      if (map.endsWith(REPLAY_EXTENSION)) return await replayFile(map, flags);
      // No id has these characters: a file was meant.
      if (/[./\\]/.test(map)) {
        complain(`Expected the id of a map, or a file *${REPLAY_EXTENSION}, got "${map}"`);
        process.exit(EXIT.usage);
      }
      const at = needed(index, `the index of an item: \`poolmq errors ${map}\` lists those that failed`);
      const tasks = needed(flags.tasks, "--tasks <module>: the module that the workers run");
      await withQueue(flags, async (queue) => await replay(queue, map, at, { ...flags, tasks }));
    });
}

/** Gives what is needed only for an item in Redis, or fails. */
function needed<V>(given: V | undefined, what: string): V {
  if (given !== undefined) return given;
  complain(`Expected ${what}`);
  process.exit(EXIT.usage);
}

async function replayFile(path: string, flags: ReplayFlags): Promise<never> {
  try {
    const { item, module } = readReplayFile(path);
    const own = flags.tasks === undefined ? module : modulePath(flags.tasks);
    process.exit(await run(item, own, flags));
  } catch (error) {
    reportError(error);
    process.exit(exitCodeFor(error));
  }
}

async function replay(
  { shards, away, watcher }: ReachedQueue,
  given: string,
  index: number,
  flags: ReplayFlags & { readonly tasks: string },
): Promise<ExitCode> {
  const module = modulePath(flags.tasks);
  const { maps } = await watcher.read();
  const there = await Promise.all(shards.map(({ redis, keys }) => redis.exists(keys.failed(given))));
  const map = there.includes(1)
    ? { id: given }
    : findMapId(
        given,
        maps.map(({ id }) => id),
      );
  if ("problem" in map) {
    complain(map.problem);
    return EXIT.notFound;
  }
  const signingKeys = signingKeysOf(flags);
  const looks = await Promise.all(
    shards.map(({ redis, keys }) => findFailedItem({ redis, keys, signingKeys }, map.id, index)),
  );
  // The item is on one of the shards.
  const found =
    looks.find((look) => !("problem" in look)) ??
    looks.find((look) => !("isGone" in look && look.isGone)) ??
    looks[0];
  if (found === undefined) throw new Error("unreachable: there is a shard");
  if ("problem" in found) {
    const lost = away.map(({ address }) => address).join(" and ");
    const mayBeThere = found.isGone && away.length > 0;
    complain(
      mayBeThere ? `Item ${index} of ${map.id} may be on ${lost}: try again once it answers` : found.problem,
    );
    return found.isGone && !mayBeThere ? EXIT.notFound : EXIT.error;
  }
  return await run(found.item, module, flags);
}

async function run(item: ReplayItem, module: string, flags: ReplayFlags): Promise<ExitCode> {
  const env = taskEnvironment(flags.env, process.env);
  const inspectAt = flags.inspectBrk === true ? INSPECT_AT : flags.inspectBrk;
  const { exitCode, signal } = await runHere({ item, module }, { env, inspectAt });
  if (exitCode === 0) return EXIT.fine;
  if (signal !== null) complain(`The process of the item was ended by ${signal}`);
  return exitCode === EXIT.usage ? EXIT.usage : EXIT.error;
}
