#!/usr/bin/env node
/** The `poolmq` command. */

import { Command, InvalidArgumentError, Option } from "commander";
import { pino } from "pino";
import type { Logger } from "pino";

import { PoolmqError } from "@poolmq/shared";

import { runWorker } from "./run-worker.ts";
import type { WorkerMachine } from "./run-worker.ts";
import { VERSION } from "./version.ts";
import { DEFAULTS } from "./worker-options.ts";

interface WorkerFlags {
  readonly processes?: number;
  readonly concurrency: number;
  readonly queue: string;
  readonly redis?: string;
  readonly shutdownTimeoutMs: number;
  readonly env: readonly string[];
  readonly logLevel: string;
}

const program = new Command("poolmq")
  .description("The parallel map of Python's multiprocessing.Pool, for Node, across machines.")
  .version(VERSION)
  .showHelpAfterError("(run with --help for usage)")
  .showSuggestionAfterError();

program
  .command("worker")
  .summary("serve a queue with the functions of a tasks module")
  .description(
    "Runs the functions that a tasks module exports, for every producer on the same Redis and queue.\n" +
      "One process supervises; the functions run in child processes, one per core.",
  )
  .argument(
    "<module>",
    "tasks module (.ts or .js): each function it exports is a task, named by its export name",
  )
  .addOption(
    new Option("-p, --processes <n>", "child processes (default: one per available core)")
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
  .addOption(new Option("-q, --queue <name>", "queue to serve").env("POOLMQ_QUEUE").default(DEFAULTS.queue))
  .addOption(
    new Option(
      "-r, --redis <url>",
      "redis://, rediss:// or unix:// URL (default: POOLMQ_REDIS_URL, else REDIS_URL, else redis://127.0.0.1:6379)",
    ),
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
      "pass this environment variable on to the tasks (repeatable; POOLMQ_TASK_* always is)",
    )
      .default([] as string[], "none")
      .argParser((name: string, names: string[]) => [...names, name]),
  )
  .addOption(
    new Option("--log-level <level>", "how much to log")
      .env("POOLMQ_LOG_LEVEL")
      .choices(["trace", "debug", "info", "warn", "error", "silent"])
      .default("info"),
  )
  .addHelpText(
    "after",
    `
Examples:
  poolmq worker ./tasks.ts
  REDIS_URL=rediss://user:password@redis.example:6380 poolmq worker ./tasks.js --processes 8
  poolmq worker ./fetchers.ts --concurrency 50 --queue io     # functions that mostly wait

Signals:
  SIGTERM, SIGINT   stop taking work, finish what runs, exit 0; a second one kills what still runs`,
  )
  .action(worker);

// Compose files pass on what is not there as empty variables.
for (const [name, value] of Object.entries(process.env)) {
  if (name.startsWith("POOLMQ_") && value === "") delete process.env[name];
}
await program.parseAsync();

function integer(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError("Expected an integer.");
  return value;
}

async function worker(module: string, flags: WorkerFlags): Promise<void> {
  const logger = makeLogger(flags.logLevel);
  let machine: WorkerMachine | undefined;
  let signals = 0;
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, () => {
      signals++;
      // Before it serves, there is nothing to finish.
      if (machine === undefined) process.exit(0);
      if (signals === 1) {
        logger.info({ signal }, "stopping: finishing what runs (again to kill it)");
        void machine.close();
      } else {
        logger.warn({ signal }, "killing what still runs");
        machine.kill();
      }
    });
  }
  try {
    machine = await runWorker({
      module,
      connection: flags.redis,
      queue: flags.queue,
      processes: flags.processes,
      concurrency: flags.concurrency,
      shutdownTimeoutMs: flags.shutdownTimeoutMs,
      env: Object.fromEntries(flags.env.map((name) => [name, process.env[name] ?? ""])),
      logger,
    });
  } catch (error) {
    report(error);
    process.exit(1);
  }
  await machine.closed;
  process.exit(0);
}

function makeLogger(level: string): Logger {
  if (!process.stdout.isTTY) return pino({ level });
  return pino({
    level,
    transport: {
      target: "pino-pretty",
      options: { ignore: "hostname,pid,worker", translateTime: "HH:MM:ss.l" },
    },
  });
}

/** Our own errors are sentences for the user; any other is a bug, and needs its stack. */
function report(error: unknown): void {
  if (error instanceof PoolmqError) {
    process.stderr.write(`poolmq: ${error.message}\n`);
    if (error.cause instanceof Error && error.cause.stack !== undefined)
      process.stderr.write(`${error.cause.stack}\n`);
  } else {
    process.stderr.write(
      `poolmq: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
    );
  }
}
