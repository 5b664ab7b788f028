/** `poolmq worker`: a worker machine, from its flags to its exit code. */

import { Command, Option } from "commander";
import type { Logger } from "pino";

import { assembleMachine } from "../../machine/machine.ts";
import { machineLog } from "../../log/machine-log.ts";
import { WatchedMachine } from "../../dev/watched-machine.ts";
import { DEFAULTS, resolveWorkerOptions } from "../../worker-options.ts";
import type { WorkerOptions } from "../../worker-options.ts";
import { connectionGiven } from "../base/connection-given.ts";
import { integer } from "../base/integer.ts";
import { readSigningKeys } from "../base/read-signing-keys.ts";
import { prefixOption, redisOptions, shardsOption } from "../base/queue-options.ts";
import { exitCodeFor, reportError } from "../base/report-error.ts";
import { onNpxGone } from "./on-npx-gone.ts";
import { taskEnvironment } from "../base/task-environment.ts";

interface WorkerFlags {
  readonly processes?: number;
  readonly concurrency: number;
  readonly maxTasksPerChild: number;
  readonly maxMemoryPerChildMb: number;
  readonly workerLossAttempts: number;
  readonly queue: string;
  readonly prefix: string;
  readonly redis?: readonly string[];
  readonly shards?: number;
  readonly codeVersion?: string;
  readonly connectTimeoutMs: number;
  readonly shutdownTimeoutMs: number;
  readonly env: readonly string[];
  readonly signingKeyFile?: string;
  readonly redactRemoteStacks?: true;
  readonly healthPort?: number;
  readonly healthHost: string;
  readonly logLevel: string;
  readonly watch?: true;
}

/** What can be stopped by signals of a terminal or a process manager. */
interface Stoppable {
  close(timeoutMs?: number): Promise<void>;
  kill(): void;
}

export function workerCommand(): Command {
  return new Command("worker")
    .summary("serve a queue with the functions of a tasks module")
    .description(
      "Runs the functions that a tasks module exports, for every program on the same Redis and queue. This process supervises; the functions run in child processes, one per core. Start as many as you like, on as many machines as you like.",
    )
    .argument(
      "<module>",
      "tasks module (.ts or .js): each function it exports is a task, named by its export name",
    )
    .helpOption("-h, --help", "print this help")
    .optionsGroup("What it serves:")
    .addOption(new Option("-q, --queue <name>", "queue to serve").env("POOLMQ_QUEUE").default(DEFAULTS.queue))
    .addOption(prefixOption())
    .addOption(redisOptions())
    .addOption(shardsOption())
    .addOption(
      new Option(
        "--code-version <version>",
        "version of the tasks' code, which is shown beside the machine, and which callers can ask for",
      ).env("POOLMQ_CODE_VERSION"),
    )
    .optionsGroup("How much at a time:")
    .addOption(
      new Option(
        "-p, --processes <n>",
        "child processes (default: one per available core, or as many as the CPU limit of the container)",
      )
        .env("POOLMQ_PROCESSES")
        .argParser(integer),
    )
    .addOption(
      new Option(
        "-c, --concurrency <n>",
        "items that one child runs at a time; more than 1 helps functions that wait",
      )
        .env("POOLMQ_CONCURRENCY")
        .default(DEFAULTS.concurrency)
        .argParser(integer),
    )
    .optionsGroup("Lost and replaced children:")
    .addOption(
      new Option("--max-tasks-per-child <n>", "replace a child after so many items; 0: never")
        .env("POOLMQ_MAX_TASKS_PER_CHILD")
        .default(DEFAULTS.maxTasksPerChild)
        .argParser(integer),
    )
    .addOption(
      new Option(
        "--max-memory-per-child-mb <MiB>",
        "replace a child above this between items, kill it above 1.5 times as much; 0: never",
      )
        .env("POOLMQ_MAX_MEMORY_PER_CHILD_MB")
        .default(DEFAULTS.maxMemoryPerChildMb)
        .argParser(integer),
    )
    .addOption(
      new Option("--worker-loss-attempts <n>", "give an item up after it has ended this many children")
        .env("POOLMQ_WORKER_LOSS_ATTEMPTS")
        .default(DEFAULTS.workerLossAttempts)
        .argParser(integer),
    )
    .optionsGroup("How it is run:")
    .addOption(
      new Option(
        "--connect-timeout-ms <ms>",
        "how long to wait for Redis at the start; 0: as long as it takes",
      )
        .env("POOLMQ_CONNECT_TIMEOUT_MS")
        .default(0)
        .argParser(integer),
    )
    .addOption(
      new Option("--shutdown-timeout-ms <ms>", "how long running items may go on after SIGTERM")
        .env("POOLMQ_SHUTDOWN_TIMEOUT_MS")
        .default(DEFAULTS.shutdownTimeoutMs)
        .argParser(integer),
    )
    .addOption(
      new Option(
        "-e, --env <name>",
        "pass this variable on to the tasks (repeatable); they get POOLMQ_TASK_* and harmless ones such as PATH in any case, and no other",
      )
        .default([] as string[], "none")
        .argParser((name: string, names: string[]) => [...names, name]),
    )
    .addOption(
      new Option(
        "--signing-key-file <path>",
        "take only jobs signed with the key in this file, and sign their outcomes; one key a line, the first signs (or POOLMQ_SIGNING_KEY: the key itself)",
      ).env("POOLMQ_SIGNING_KEY_FILE"),
    )
    .addOption(
      new Option(
        "--redact-remote-stacks",
        "send errors of tasks to their callers without stacks, which are then in this worker's log",
      ),
    )
    .addOption(
      new Option("--health-port <port>", "serve /livez, /readyz and /metrics here (default: not served)")
        .env("POOLMQ_HEALTH_PORT")
        .argParser(integer),
    )
    .addOption(
      new Option(
        "--health-host <host>",
        "address to serve them on; probes from outside of the container need 0.0.0.0",
      )
        .env("POOLMQ_HEALTH_HOST")
        .default(DEFAULTS.healthHost),
    )
    .addOption(
      new Option("--log-level <level>", "how much to log; what tasks print is info (stdout) or warn (stderr)")
        .env("POOLMQ_LOG_LEVEL")
        .choices(["trace", "debug", "info", "warn", "error", "silent"])
        .default("info"),
    )
    .addOption(
      new Option(
        "-w, --watch",
        "for development: start anew when a source file in or below the module's folder changes",
      ),
    )
    .addHelpText(
      "after",
      `
Examples:
  poolmq worker ./tasks.ts
  poolmq worker ./tasks.ts --watch
  poolmq worker ./fetchers.ts --concurrency 50 --queue io   # mostly waits
  REDIS_URL=rediss://user:password@redis.example:6380 poolmq worker ./tasks.js

Secrets of tasks:
  Tasks see neither the address of Redis nor this process's other variables.
  Name what they need POOLMQ_TASK_<something>, or pass it on: --env DATABASE_URL

Signals:
  SIGTERM, SIGINT   take no more work, finish what runs, hand back the rest,
                    exit 0; a second one kills what still runs: others take it

Exit codes:
  0   it was told to stop, and stopped
  1   it could not start: a Redis that refuses it (or is not there within
      --connect-timeout-ms), a module that does not load
  2   the command line is wrong`,
    )
    .action(worker);
}

async function worker(module: string, flags: WorkerFlags): Promise<void> {
  try {
    const logger = machineLog(flags.logLevel, 1);
    const options = resolveWorkerOptions(workerOptions(module, flags, logger));
    if (flags.watch === true) {
      const machine = new WatchedMachine({ ...options, logger }, reportError);
      stopOnSignals(machine, logger);
      await machine.closed;
    } else {
      const machine = assembleMachine(options);
      const signals = stopOnSignals(machine, logger);
      try {
        await machine.start();
      } catch (error) {
        // A worker that was told to stop while it started has not failed.
        if (signals.count === 0) throw error;
      }
      await machine.closed;
    }
  } catch (error) {
    reportError(error);
    process.exit(exitCodeFor(error));
  }
  process.exit(0);
}

function workerOptions(module: string, flags: WorkerFlags, logger: Logger): WorkerOptions {
  const { maxTasksPerChild, maxMemoryPerChildMb, workerLossAttempts } = flags;
  const { queue, prefix, processes, concurrency, connectTimeoutMs } = flags;
  const { shutdownTimeoutMs, healthPort, healthHost } = flags;
  return {
    module,
    ...connectionGiven(flags.redis, flags.shards),
    queue,
    prefix,
    codeVersion: flags.codeVersion,
    processes,
    concurrency,
    maxTasksPerChild,
    maxMemoryPerChildMb,
    workerLossAttempts,
    connectTimeoutMs,
    shutdownTimeoutMs,
    healthPort,
    healthHost,
    redactRemoteStacks: flags.redactRemoteStacks,
    signingKey: flags.signingKeyFile === undefined ? undefined : readSigningKeys(flags.signingKeyFile),
    env: taskEnvironment(flags.env, process.env),
    logger,
  };
}

function stopOnSignals(machine: Stoppable, logger: Logger): { readonly count: number } {
  const signals = { count: 0 };
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, () => {
      signals.count++;
      if (signals.count === 1) {
        logger.info({ signal }, "stopping: finishing what runs (again to kill it)");
        void machine.close();
      } else {
        logger.warn({ signal }, "killing what still runs");
        machine.kill();
        void machine.close(0);
      }
    });
  }
  onNpxGone(() => {
    logger.info({ ppid: process.ppid }, "stopping: npx, which started this worker, has ended");
    void machine.close();
  });
  return signals;
}
