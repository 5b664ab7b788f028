#!/usr/bin/env node
/** The `poolmq` command. */

import { Command } from "commander";
import type { Argument } from "commander";

import { dashboardCommand } from "./cli/serve/dashboard-command.ts";
import { aclCommand } from "./cli/serve/acl-command.ts";
import { healthcheckCommand } from "./cli/serve/healthcheck-command.ts";
import { drainCommand, killItemCommand, resizeCommand, stackCommand } from "./cli/act/machine-commands.ts";
import { pauseCommand, purgeCommand, resumeCommand } from "./cli/act/queue-commands.ts";
import { shardsCommand } from "./cli/act/shards-command.ts";
import { cancelCommand, priorityCommand, retryCommand } from "./cli/act/map-commands.ts";
import { doctorCommand } from "./cli/look/doctor-command.ts";
import { queuesCommand } from "./cli/look/queues-command.ts";
import { errorsCommand } from "./cli/look/errors-command.ts";
import { logsCommand } from "./cli/look/logs-command.ts";
import { exitOfUsage } from "./cli/base/queue-command.ts";
import { scaleSignalCommand } from "./cli/serve/scale-signal-command.ts";
import { mapsCommand, statusCommand, workersCommand } from "./cli/look/status-command.ts";
import { replayCommand } from "./cli/look/replay-command.ts";
import { topCommand } from "./cli/look/top-command.ts";
import { workerCommand } from "./cli/serve/worker-command.ts";
import { VERSION } from "./version.ts";

function termOf(argument: Argument): string {
  return argument.required ? `<${argument.name()}>` : `[${argument.name()}]`;
}

const program = new Command("poolmq")
  .description(
    "The parallel map of Python's multiprocessing.Pool, for Node, across machines. Workers run the functions of a tasks module; programs call them with `pool.map()` of @poolmq/producer. Both meet on a Redis server.",
  )
  .version(VERSION, "-V, --version", "print the version")
  .helpOption("-h, --help", "print this help")
  .helpCommand("help [command]", "print the help of a command")
  .configureHelp({
    showGlobalOptions: false,
    subcommandTerm: (command) => [command.name(), ...command.registeredArguments.map(termOf)].join(" "),
  })
  .exitOverride(exitOfUsage)
  .showHelpAfterError("(run with --help for usage)")
  .showSuggestionAfterError()
  .addHelpText(
    "after",
    `
Examples:
  REDIS_URL=redis://127.0.0.1:6379 poolmq worker ./tasks.ts
  poolmq status --queue thumbnails
  poolmq worker --help`,
  );
for (const command of [
  workerCommand(),
  dashboardCommand(),
  statusCommand(),
  topCommand(),
  mapsCommand(),
  workersCommand(),
  errorsCommand(),
  logsCommand(),
  replayCommand(),
  queuesCommand(),
  doctorCommand(),
  cancelCommand(),
  priorityCommand(),
  retryCommand(),
  pauseCommand(),
  resumeCommand(),
  drainCommand(),
  resizeCommand(),
  killItemCommand(),
  stackCommand(),
  purgeCommand(),
  shardsCommand(),
  scaleSignalCommand(),
  healthcheckCommand(),
  aclCommand(),
]) {
  program.addCommand(command.copyInheritedSettings(program));
}

// Compose files pass on unset variables as empty ones.
for (const [name, value] of Object.entries(process.env)) {
  if (name.startsWith("POOLMQ_") && value === "") delete process.env[name];
}
await program.parseAsync();
