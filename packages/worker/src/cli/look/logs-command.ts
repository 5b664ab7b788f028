/** `poolmq logs`: what the tasks of a queue print and log, on all machines, and the machines' own logs. */

import { setTimeout as delay } from "node:timers/promises";

import { Option } from "commander";
import type { Command } from "commander";

import { InvalidOptionError } from "@poolmq/shared";

import { isWanted, LogReader } from "../../watch/log-reader.ts";
import type { LeftOut, LineFilter, MachineLine } from "../../watch/log-reader.ts";
import { EXIT, EXIT_CODES_HELP } from "../base/exit-code.ts";
import { findMachine } from "../base/find-machine.ts";
import { findMapId, isThere } from "../base/find-map.ts";
import { natural } from "../base/integer.ts";
import { complain, queueCommand, withQueue } from "../base/queue-command.ts";
import type { QueueFlags, ReachedQueue } from "../base/queue-command.ts";
import { logText } from "../view/log-text.ts";

/** How often to read, in ms: as often as machines write. */
const EVERY_MS = 250;

interface LogsFlags extends QueueFlags {
  readonly follow?: true;
  readonly map?: string;
  readonly index?: number;
  readonly task?: string;
  readonly machine?: string;
}

export function logsCommand(): Command {
  return queueCommand("logs")
    .summary("show what tasks print and log, and what machines say")
    .description(
      "Shows the last lines of the logs of all worker machines, of some 500 lines and 64 KiB each, and with --follow all that come, until Ctrl-C. Machines send their lines only while somebody looks. If more are written than they keep, it says how many are missing: the log of the machine itself has them all. Machines with --redact-remote-stacks send nothing.",
    )
    .addOption(new Option("-f, --follow", "go on with the lines that come"))
    .addOption(new Option("--map <id>", "only those that name this map, or the one whose id begins so"))
    .addOption(new Option("--index <n>", "only those that name this item of the map").argParser(natural))
    .addOption(new Option("--task <name>", "only those that name this task"))
    .addOption(
      new Option(
        "--machine <machine>",
        "only those of this machine: its id, the beginning of its id, its host, or <host>:<pid>",
      ),
    )
    .addHelpText(
      "after",
      `
Examples:
  poolmq logs --map nightly-11-23 --follow
  poolmq logs --task resize --json | jq 'select(.record.level >= 50)'
${EXIT_CODES_HELP} or machine`,
    )
    .action((flags: LogsFlags) => logs(flags));
}

async function logs(flags: LogsFlags): Promise<void> {
  await withQueue(flags, async (queue) => {
    if (flags.index !== undefined && flags.map === undefined) {
      throw new InvalidOptionError("Expected --map together with --index: an index is one of a map");
    }
    const { wanted, problem, alive } = await filterOf(flags, queue);
    let shown = 0;
    const show = (line: MachineLine | LeftOut): void => {
      if ("leftOut" in line ? isOf(line, wanted) : isWanted(line, wanted)) {
        shown++;
        console.log(flags.json === true ? JSON.stringify(line) : logText(line));
      }
    };
    const reader = new LogReader(queue.shards);
    const kept = await reader.readKept();
    // A map or machine that has ended may be unknown to Redis and still be in the logs.
    if (problem !== undefined && !kept.some((line) => "record" in line && isWanted(line, wanted))) {
      complain(problem);
      return EXIT.notFound;
    }
    kept.forEach(show);
    if (flags.follow === true) await follow(reader, show);
    else if (shown === 0) complain(`nothing to show: ${whyNothing(wanted, alive)}`);
    return EXIT.fine;
  });
}

async function follow(reader: LogReader, show: (line: MachineLine | LeftOut) => void): Promise<void> {
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => stop.abort());
  while (!stop.signal.aborted) {
    for (const line of await reader.read()) show(line);
    await delay(EVERY_MS, undefined, { signal: stop.signal }).catch(() => {});
  }
}

function whyNothing({ worker, mapId, index, task }: LineFilter, alive: number): string {
  if (alive === 0) return "no worker machine is alive on this queue";
  const names = [
    ...(mapId === undefined ? [] : [`the map ${mapId}`]),
    ...(index === undefined ? [] : [`item ${index}`]),
    ...(task === undefined ? [] : [`the task ${task}`]),
  ];
  const who = worker === undefined ? "no machine has kept a line" : `${worker} has kept no line`;
  return names.length === 0 ? who : `${who} that names ${names.join(" and ")}`;
}

/** Whether lines that were left out can have been among the wanted ones: they may be any lines of that machine. */
function isOf({ worker }: LeftOut, wanted: LineFilter): boolean {
  return wanted.worker === undefined || wanted.worker === worker;
}

/** Makes the filter from the flags; `problem` if no such map or machine is known, `alive` machines are there. */
async function filterOf(
  { map, index, task, machine }: LogsFlags,
  { watcher, shards }: ReachedQueue,
): Promise<{ readonly wanted: LineFilter; readonly problem?: string; readonly alive: number }> {
  const { maps, machines } = await watcher.read();
  const problems: string[] = [];
  const wanted: { -readonly [K in keyof LineFilter]: LineFilter[K] } = {};
  if (index !== undefined) wanted.index = index;
  if (task !== undefined) wanted.task = task;
  if (map !== undefined) {
    const ids = maps.map(({ id }) => id);
    const found = (await isThere(map, shards)) ? { id: map } : findMapId(map, ids);
    if ("problem" in found) problems.push(found.problem);
    wanted.mapId = "id" in found ? found.id : map;
  }
  if (machine !== undefined) {
    const found = findMachine(machine, machines);
    if (typeof found === "string") problems.push(found);
    wanted.worker = typeof found === "string" ? machine : found.id;
  }
  const [problem] = problems;
  const alive = machines.length;
  return problem === undefined ? { wanted, alive } : { wanted, problem, alive };
}
