#!/usr/bin/env node
/** The `poolmq` command. */

import { Command } from "commander";
import type { Argument, CommanderError } from "commander";

import { EXIT } from "./cli/base/exit-code.ts";
import { VERSION } from "./version.ts";

/** All commands, in the order in which the help lists them. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  worker: async () => (await import("./cli/serve/worker-command.ts")).workerCommand(),
  dashboard: async () => (await import("./cli/serve/dashboard-command.ts")).dashboardCommand(),
  status: async () => (await import("./cli/look/status-command.ts")).statusCommand(),
  top: async () => (await import("./cli/look/top-command.ts")).topCommand(),
  maps: async () => (await import("./cli/look/status-command.ts")).mapsCommand(),
  workers: async () => (await import("./cli/look/status-command.ts")).workersCommand(),
  errors: async () => (await import("./cli/look/errors-command.ts")).errorsCommand(),
  logs: async () => (await import("./cli/look/logs-command.ts")).logsCommand(),
  replay: async () => (await import("./cli/look/replay-command.ts")).replayCommand(),
  queues: async () => (await import("./cli/look/queues-command.ts")).queuesCommand(),
  doctor: async () => (await import("./cli/look/doctor-command.ts")).doctorCommand(),
  cancel: async () => (await import("./cli/act/map-commands.ts")).cancelCommand(),
  priority: async () => (await import("./cli/act/map-commands.ts")).priorityCommand(),
  retry: async () => (await import("./cli/act/map-commands.ts")).retryCommand(),
  pause: async () => (await import("./cli/act/queue-commands.ts")).pauseCommand(),
  resume: async () => (await import("./cli/act/queue-commands.ts")).resumeCommand(),
  drain: async () => (await import("./cli/act/machine-commands.ts")).drainCommand(),
  resize: async () => (await import("./cli/act/machine-commands.ts")).resizeCommand(),
  "kill-item": async () => (await import("./cli/act/machine-commands.ts")).killItemCommand(),
  stack: async () => (await import("./cli/act/machine-commands.ts")).stackCommand(),
  purge: async () => (await import("./cli/act/queue-commands.ts")).purgeCommand(),
  shards: async () => (await import("./cli/act/shards-command.ts")).shardsCommand(),
  "scale-signal": async () => (await import("./cli/serve/scale-signal-command.ts")).scaleSignalCommand(),
  healthcheck: async () => (await import("./cli/serve/healthcheck-command.ts")).healthcheckCommand(),
  acl: async () => (await import("./cli/serve/acl-command.ts")).aclCommand(),
};

function termOf(argument: Argument): string {
  return argument.required ? `<${argument.name()}>` : `[${argument.name()}]`;
}

/** Ends the process with the promised exit code where commander would use its own. */
function exitOfUsage({ exitCode }: CommanderError): never {
  process.exit(exitCode === 0 ? EXIT.fine : EXIT.usage);
}

/** Lets the message of a missing argument say what the argument is, and which others there are. */
function sayingWhatIsMissing(command: Command): Command {
  const { registeredArguments: args } = command;
  const usage = ["poolmq", command.name(), "[options]", ...args.map(termOf)].join(" ");
  return command.showHelpAfterError(`(usage: ${usage}; run with --help for more)`).configureOutput({
    outputError: (text, write) => {
      const missing = /^error: missing required argument '(.*)'$/.exec(text.trim())?.[1];
      const description = args.find((argument) => argument.name() === missing)?.description;
      write(description === undefined ? text : `${text.trim()}: ${description}\n`);
    },
  });
}

const program = new Command("poolmq")
  .description(
    "The parallel map of Python's multiprocessing.Pool, for Node, across machines. Workers run the functions of a tasks module; programs call them with `pool.map()` of the package poolmq. Both meet on a Redis server.",
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
// For `help` with the name of no command, Commander would print all of the help and not say what was wrong.
const [, , first, about] = process.argv;
if (first === "help" && about !== undefined && !Object.hasOwn(COMMANDS, about)) process.argv.splice(2, 1);

// `poolmq worker` need not wait for what serves a dashboard. Help, and whatever else is no command, needs all of them.
const all = Object.entries(COMMANDS);
const wanted = all.filter(([name]) => name === process.argv[2]);
for (const [, load] of wanted.length > 0 ? wanted : all) {
  program.addCommand(sayingWhatIsMissing((await load()).copyInheritedSettings(program)));
}

// Compose files pass on unset variables as empty ones.
for (const [name, value] of Object.entries(process.env)) {
  if (name.startsWith("POOLMQ_") && value === "") delete process.env[name];
}
await program.parseAsync();
