/** `poolmq drain`, `poolmq resize` and `poolmq kill-item`: what can be done to a machine, and to one of its processes. */

import type { Command } from "commander";

import { InvalidOptionError } from "@poolmq/shared";

import { MachineControl } from "../../control/machine-control.ts";
import type { Ordered } from "../../control/machine-control.ts";
import { onItsShard } from "../../control/machine-everywhere.ts";
import type { MachineOrders } from "../../control/machine-everywhere.ts";
import type { ChildView, MachineView, QueueView } from "../../watch/queue-view.ts";
import { EXIT, EXIT_CODES_WITHOUT_MAP_HELP } from "../base/exit-code.ts";
import type { ExitCode } from "../base/exit-code.ts";
import { findMachine } from "../base/find-machine.ts";
import { findMapId } from "../base/find-map.ts";
import { integer, natural, processId } from "../base/integer.ts";
import type { ReachedShard } from "../base/reach-shards.ts";
import { signingKeyOption, signingKeysOf, whoAmI } from "../base/operator.ts";
import type { OperatorFlags } from "../base/operator.ts";
import { complain, queueCommand, withQueue } from "../base/queue-command.ts";
import type { ReachedQueue } from "../base/queue-command.ts";
import { clean } from "../view/format.ts";

const MACHINE_ARGUMENT =
  "its id, the beginning of its id, its host, or <host>:<pid>: `poolmq workers` lists them";
const EXIT_CODES = `${EXIT_CODES_WITHOUT_MAP_HELP}\n  3  there is no such machine, or nothing runs that item`;

const NOT_DONE: Readonly<Record<Exclude<Ordered, "done">, string>> = {
  "no answer": "did not answer within some seconds: it may be cut off, or be older than this command",
  "no key":
    "was not asked: this queue's workers have a signing key. Give it with --signing-key-file or POOLMQ_SIGNING_KEY",
};

export function drainCommand(): Command {
  return queueCommand("drain")
    .summary("let a worker machine finish what it runs, and end")
    .description(
      "The machine takes no more jobs, finishes what it runs for as long as its --shutdown-timeout-ms says, hands back the rest, and ends with exit code 0, as after SIGTERM. Whatever started the machine may start it again.",
    )
    .argument("<machine>", MACHINE_ARGUMENT)
    .addOption(signingKeyOption())
    .addHelpText("after", EXIT_CODES)
    .action((given: string, flags: OperatorFlags) =>
      withMachine(given, flags, async (machine, control) => {
        const ordered = await control.drain(machine.id);
        return told(
          flags,
          machine.id,
          ordered,
          `${machine.id} takes no more jobs, and ends after what it runs`,
        );
      }),
    );
}

export function resizeCommand(): Command {
  return queueCommand("resize")
    .summary("change the number of processes of a worker machine")
    .description(
      "The machine starts child processes, or lets some end after what they run, until it has this many. After a restart, it has as many as it was started with.",
    )
    .argument("<machine>", MACHINE_ARGUMENT)
    .argument("<processes>", "how many child processes it is to have", integer)
    .addOption(signingKeyOption())
    .addHelpText("after", EXIT_CODES)
    .action((given: string, processes: number, flags: OperatorFlags) =>
      withMachine(
        given,
        flags,
        async (machine, control) => {
          const ordered = await control.resize(machine.id, processes);
          const many = `${processes} ${processes === 1 ? "process" : "processes"}`;
          return told(flags, machine.id, ordered, `${machine.id} has ${many}`);
        },
        {
          check: () => {
            if (processes >= 1 && processes <= 1_024) return;
            throw new InvalidOptionError(`Expected <processes> to be from 1 to 1024, got ${processes}`);
          },
        },
      ),
    );
}

export function killItemCommand(): Command {
  return queueCommand("kill-item")
    .summary("kill the process that runs an item")
    .description(
      "Kills the process that runs an item which does not end. The item is charged with it as after any lost process: it runs again, unless it has taken as many processes down as it may, and then fails with a WorkerLostError. No other item is charged with it.",
    )
    .argument("<map>", "id of the map, or its beginning")
    .argument("<index>", "index of the item", natural)
    .addOption(signingKeyOption())
    .addHelpText("after", EXIT_CODES)
    .action((given: string, index: number, flags: OperatorFlags) =>
      withQueue(flags, async (queue) => {
        const { maps } = await queue.watcher.read();
        const found = findMapId(
          given,
          maps.map(({ id }) => id),
        );
        const mapId = "id" in found ? found.id : given;
        let ordered: Awaited<ReturnType<MachineControl["killItem"]>> = "not running";
        // A machine listens on every shard that it serves. If it were asked on two, it would kill the item's next process
        // too.
        for (const shard of queue.shards) {
          ordered = await controlOf(shard, flags).killItem(mapId, index);
          if (ordered !== "not running") break;
        }
        if (ordered === "not running") {
          complain(`No process runs item ${index} of ${mapId}: \`poolmq workers\` shows what runs`);
          return EXIT.notFound;
        }
        return told(
          flags,
          `${mapId} ${index}`,
          ordered,
          `the process that ran item ${index} of ${mapId} is gone`,
        );
      }),
    );
}

export function stackCommand(): Command {
  return queueCommand("stack")
    .summary("show where in its code a worker process is")
    .description(
      "Stops a worker process for less than a millisecond and shows the stack of its main thread, even in the middle of an endless loop. One that waits, or is in native code, has none.",
    )
    .argument("<machine>", MACHINE_ARGUMENT)
    .argument("<pid>", "process id of the worker process, as `poolmq workers` shows it", processId)
    .addOption(signingKeyOption())
    .addHelpText("after", `${EXIT_CODES_WITHOUT_MAP_HELP}\n  3  there is no such machine or process`)
    .action((given: string, pid: number, flags: OperatorFlags) =>
      withMachine(
        given,
        flags,
        async ({ id, children }, control) => {
          if (children !== null && !children.some((child) => child.pid === pid)) {
            complain(noSuchProcess(id, pid, children));
            return EXIT.notFound;
          }
          const answer = await control.stack(id, pid);
          if ("problem" in answer) {
            complain(`process ${pid} of ${id}: ${answer.problem}`);
            return EXIT.error;
          }
          const { frames } = answer;
          const lines =
            frames.length === 0 ? ["it runs no code of its tasks at this moment"] : frames.map(clean);
          console.log(flags.json === true ? JSON.stringify(answer, null, 2) : lines.join("\n"));
          return EXIT.fine;
        },
        // The first look at a machine that nobody has watched does not show its processes.
        { look: (watcher) => watcher.readOnce() },
      ),
    );
}

function noSuchProcess(machine: string, pid: number, children: readonly ChildView[]): string {
  const pids = children.map((child) => child.pid);
  const has = pids.length === 0 ? "has none now" : `has ${pids.join(", ")}`;
  return `Expected the process id of a worker process of ${machine}, got ${pid}. It ${has}: \`poolmq workers\` shows what they run`;
}

function told({ json }: OperatorFlags, what: string, ordered: Ordered, text: string): ExitCode {
  if (ordered !== "done") {
    complain(`${what} ${NOT_DONE[ordered]}`);
    return EXIT.error;
  }
  console.log(json === true ? JSON.stringify({ done: true, what }, null, 2) : text);
  return EXIT.fine;
}

async function withMachine(
  given: string,
  flags: OperatorFlags,
  action: (machine: MachineView, control: MachineOrders) => Promise<ExitCode>,
  {
    check = () => {},
    look = (watcher) => watcher.read(),
  }: {
    readonly check?: () => void;
    readonly look?: (watcher: ReachedQueue["watcher"]) => Promise<QueueView>;
  } = {},
): Promise<void> {
  await withQueue(flags, async (queue) => {
    check();
    const { machines } = await look(queue.watcher);
    const found = findMachine(given, machines);
    if (typeof found === "string") {
      complain(found);
      return EXIT.notFound;
    }
    const shards = queue.shards.map((shard) => ({
      watcher: shard.watcher,
      control: controlOf(shard, flags),
    }));
    return await action(
      found,
      onItsShard(() => Promise.resolve(shards)),
    );
  });
}

function controlOf({ redis, name, prefix }: ReachedShard, flags: OperatorFlags): MachineControl {
  return new MachineControl(redis, { queue: name, prefix, signingKeys: signingKeysOf(flags), by: whoAmI() });
}
