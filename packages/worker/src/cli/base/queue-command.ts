/** What the commands that look at a queue have in common: their flags, a connection, exit codes. */

import { Command, Option } from "commander";
import type { CommanderError } from "commander";
import type { Cluster, Redis } from "ioredis";

import { checkQueueName, checkServer, connect, destroyConnection, queueKeys } from "@poolmq/shared/internal";
import { QueueWatcher } from "../../watch/queue-watcher.ts";
import type { QueueKeys } from "@poolmq/shared/internal";

import { connectionOf, DEFAULTS } from "../../worker-options.ts";
import { EXIT } from "./exit-code.ts";
import type { ExitCode } from "./exit-code.ts";
import { queueOption, redisOption } from "./queue-options.ts";
import { reportError } from "./report-error.ts";

/** Somebody sits before it and waits. */
const CONNECT_TIMEOUT_MS = 5_000;

export interface QueueFlags {
  readonly queue: string;
  readonly redis?: string;
  readonly json?: true;
}

/** A queue to look at. */
export interface ReachedQueue {
  readonly name: string;
  readonly redis: Redis | Cluster;
  /** Where Redis is, without its password. */
  readonly address: string;
  readonly keys: QueueKeys;
  readonly watcher: QueueWatcher;
}

export function queueCommand(name: string): Command {
  return new Command(name)
    .helpOption("-h, --help", "print this help")
    .addOption(queueOption())
    .addOption(redisOption())
    .addOption(new Option("--json", "print JSON"));
}

/** Ends the process as the commands promise, where commander itself would end it. */
export function exitOfUsage({ exitCode }: CommanderError): never {
  process.exit(exitCode === 0 ? EXIT.fine : EXIT.usage);
}

/** Reaches the queue, does something with it, and ends the process with the exit code that it gives. */
export async function withQueue(
  { queue, redis: url }: QueueFlags,
  action: (queue: ReachedQueue) => Promise<ExitCode>,
): Promise<never> {
  // A reader that has seen enough (`| head`) is no error.
  process.stdout.on("error", () => process.exit(EXIT.fine));
  let resolved: ReturnType<typeof connectionOf>;
  try {
    resolved = connectionOf(url);
    checkQueueName("queue", queue);
  } catch (error) {
    reportError(error);
    process.exit(EXIT.usage);
  }
  try {
    const redis = await connect(resolved, {
      role: "commands",
      name: "cli",
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
    });
    try {
      await checkServer(redis, resolved.address);
      process.exitCode = await action({
        name: queue,
        redis,
        address: resolved.address,
        keys: queueKeys(queue, DEFAULTS.prefix),
        watcher: new QueueWatcher(redis, { queue, prefix: DEFAULTS.prefix }),
      });
    } finally {
      destroyConnection(redis);
    }
  } catch (error) {
    reportError(error);
    process.exit(EXIT.error);
  }
  process.exit();
}

/** Tells what is wrong. */
export function complain(text: string): void {
  process.stderr.write(`poolmq: ${text}\n`);
}
