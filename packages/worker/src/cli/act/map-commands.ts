/** `poolmq cancel`, `poolmq priority` and `poolmq retry`: what can be done to a map from outside. */

import { hostname } from "node:os";

import { InvalidArgumentError, Option } from "commander";
import type { Command } from "commander";

import { MAX_PRIORITY } from "@poolmq/shared/internal";

import { MapControl } from "../../control/map-control.ts";
import { everywhere } from "../../control/map-everywhere.ts";
import type { MapOrders } from "../../control/map-everywhere.ts";
import type { Cancelled } from "../../control/cancel-map.ts";
import { EXIT, EXIT_CODES_HELP } from "../base/exit-code.ts";
import type { ExitCode } from "../base/exit-code.ts";
import { findMapId, isThere } from "../base/find-map.ts";
import { complain, queueCommand, withQueue } from "../base/queue-command.ts";
import type { QueueFlags, ReachedQueue } from "../base/queue-command.ts";
import { signingKeyOption, signingKeysOf, whoAmI } from "../base/operator.ts";
import type { OperatorFlags } from "../base/operator.ts";
import { retriedText } from "../view/retried-text.ts";

const MAP_ARGUMENT = "id of the map, or its beginning: `poolmq maps` lists them";

interface CancelFlags extends OperatorFlags {
  readonly reason: string;
  readonly force?: true;
}

export function cancelCommand(): Command {
  return queueCommand("cancel")
    .summary("end a map that is in flight")
    .description(
      "Ends a map as its own cancel() does: its handle rejects with a CancelledError, what waits is removed, what runs is stopped, on whichever machine. Also if its producer is gone. A map that was kept for a retry is forgotten.",
    )
    .argument("<map>", MAP_ARGUMENT)
    .addOption(
      new Option("--reason <text>", "what the CancelledError says").default(
        `by \`poolmq cancel\` on ${hostname()}`,
        "by `poolmq cancel` on this host",
      ),
    )
    .addOption(
      new Option(
        "--force",
        "also if its producer lives and does not answer: it has hung, or is too busy to hear",
      ),
    )
    .addOption(signingKeyOption())
    .addHelpText(
      "after",
      `
Example:
  $ poolmq cancel nightly-11-23 --reason "wrong input"
  nightly-11-23 is cancelled: its producer has ended it
${EXIT_CODES_HELP} in flight`,
    )
    .action((map: string, flags: CancelFlags) =>
      withMap(map, flags, async (id, control) => {
        const result = await control.cancel(id, flags.reason, { force: flags.force === true });
        const problem = NOT_CANCELLED[result];
        if (problem !== undefined) {
          complain(`${id} ${problem}`);
          return result === "not found" ? EXIT.notFound : EXIT.error;
        }
        const byProducer = result === "by its producer";
        const how = byProducer
          ? "is cancelled: its producer has ended it"
          : "is removed: no producer has it any more";
        say(flags, { mapId: id, cancelled: true, byProducer }, `${id} ${how}`);
        return EXIT.fine;
      }),
    );
}

const LACKS_KEY =
  "this queue's workers have a signing key. Give it with --signing-key-file or POOLMQ_SIGNING_KEY";

const NOT_CANCELLED: Readonly<Record<Cancelled, string | undefined>> = {
  "by its producer": undefined,
  removed: undefined,
  "not found": "is not in flight: it has ended, or never was",
  "no answer":
    "was not cancelled: its producer sent a sign of life a moment ago, but does not answer. Try again, or with --force",
  "no key": `was not cancelled: ${LACKS_KEY}`,
};

export function priorityCommand(): Command {
  return queueCommand("priority")
    .summary("make a map that runs more or less urgent")
    .description(
      `Makes a map more or less urgent among all maps of the queue: what waits of it, and what its producer sends from now on. 1 is the most urgent, ${MAX_PRIORITY} the least, and maps without a priority go after all of these.`,
    )
    .argument("<map>", MAP_ARGUMENT)
    .argument("<priority>", `1 to ${MAX_PRIORITY}, or none`, priorityArgument)
    .addOption(signingKeyOption())
    .addHelpText(
      "after",
      `
Examples:
  $ poolmq priority nightly-11-23 1        # before all others
  nightly-11-23 has the priority 1
  $ poolmq priority nightly-11-23 none     # after those with a priority
${EXIT_CODES_HELP} in flight`,
    )
    .action((map: string, asked: number, flags: OperatorFlags) =>
      withMap(map, flags, async (id, control) => {
        const priority = asked === 0 ? undefined : asked;
        const result = await control.setPriority(id, priority);
        if (result !== "changed") {
          complain(
            `${id} ${result === "not found" ? NOT_CANCELLED[result] : `was not changed: ${LACKS_KEY}`}`,
          );
          return result === "not found" ? EXIT.notFound : EXIT.error;
        }
        const what = priority === undefined ? "no priority" : `the priority ${priority}`;
        say(flags, { mapId: id, priority: priority ?? null }, `${id} has ${what}`);
        return EXIT.fine;
      }),
    );
}

/** Reads a priority; 0 means none. */
function priorityArgument(text: string): number {
  if (text === "none") return 0;
  const priority = /^\d+$/.test(text) ? Number(text) : 0;
  if (priority >= 1 && priority <= MAX_PRIORITY) return priority;
  throw new InvalidArgumentError(`Expected an integer from 1 to ${MAX_PRIORITY}, or none.`);
}

export function retryCommand(): Command {
  return queueCommand("retry")
    .summary("run the failed items of a durable map again")
    .description(
      "Runs those items of a map again that failed, and only those. It needs a `mapId`, which keeps a map with failures for 24 hours after it was delivered. attach(mapId) then gives the new outcomes among the others, in order. While the producer of the map still waits for other items, it is refused.",
    )
    .argument("<map>", MAP_ARGUMENT)
    .addOption(signingKeyOption())
    .addHelpText(
      "after",
      `
Example:
  $ poolmq errors nightly-11-23      # what is wrong? mend it, and then
  $ poolmq retry nightly-11-23
  12 items of nightly-11-23 run again: attach("nightly-11-23") gets them
${EXIT_CODES_HELP}`,
    )
    .action((map: string, flags: OperatorFlags) =>
      withMap(map, flags, async (id, control) => {
        const result = await control.retry(id);
        const text = retriedText(id, result);
        if ("problem" in result) {
          complain(text);
          return result.problem === "not found" ? EXIT.notFound : EXIT.error;
        }
        say(flags, { mapId: id, items: result.items }, text);
        return EXIT.fine;
      }),
    );
}

/** Finds the map that is meant. A map without a report may exist all the same. */
async function withMap(
  given: string,
  flags: OperatorFlags,
  action: (id: string, control: MapOrders) => Promise<ExitCode>,
): Promise<void> {
  await withQueue(flags, async (queue) => {
    const found = await find(given, queue);
    if ("problem" in found) {
      complain(found.problem);
      return EXIT.notFound;
    }
    const signingKeys = signingKeysOf(flags);
    const controls = queue.shards.map(
      ({ redis, name, prefix }) => new MapControl(redis, { queue: name, prefix, signingKeys, by: whoAmI() }),
    );
    try {
      return await action(found.id, everywhere(controls));
    } finally {
      await Promise.all(controls.map((control) => control.close()));
    }
  });
}

async function find(given: string, { shards, watcher }: ReachedQueue): ReturnType<typeof findAny> {
  return (await isThere(given, shards)) ? { id: given } : await findAny(given, watcher);
}

async function findAny(
  given: string,
  watcher: ReachedQueue["watcher"],
): Promise<ReturnType<typeof findMapId>> {
  const { maps } = await watcher.read();
  return findMapId(
    given,
    maps.map(({ id }) => id),
  );
}

function say({ json }: QueueFlags, facts: object, text: string): void {
  console.log(json === true ? JSON.stringify(facts, null, 2) : text);
}
