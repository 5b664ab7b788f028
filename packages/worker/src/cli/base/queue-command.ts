/** What the commands that look at a queue have in common: their flags, a connection, exit codes. */

import { Command, Option } from "commander";
import type { CommanderError } from "commander";
import type { Cluster, Redis } from "ioredis";

import { checkQueueName, refusedError } from "@poolmq/shared/internal";
import { checkServer, connect, destroyConnection, queueKeys } from "@poolmq/shared/redis";
import { QueueWatcher } from "../../watch/queue-watcher.ts";
import type { QueueKeys } from "@poolmq/shared/redis";

import { connectionOf } from "../../worker-options.ts";
import { EXIT } from "./exit-code.ts";
import type { ExitCode } from "./exit-code.ts";
import { prefixOption, queueOption, redisOption } from "./queue-options.ts";
import { exitCodeFor, reportUnseen } from "./report-error.ts";

/** Shorter than elsewhere, because a person is waiting. */
const CONNECT_TIMEOUT_MS = 5_000;

export interface QueueFlags {
  readonly queue: string;
  readonly prefix: string;
  readonly redis?: string;
  readonly json?: true;
}

/** A queue to look at. */
export interface ReachedQueue {
  readonly name: string;
  readonly prefix: string;
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
    .addOption(prefixOption())
    .addOption(redisOption())
    .addOption(new Option("--json", "print JSON"));
}

/** Ends the process as the commands promise, where commander itself would end it. */
export function exitOfUsage({ exitCode }: CommanderError): never {
  process.exit(exitCode === 0 ? EXIT.fine : EXIT.usage);
}

/** Reaches the queue, does something with it, and ends the process with the exit code that it gives. */
export async function withQueue(
  { queue, prefix, redis: url }: QueueFlags,
  action: (queue: ReachedQueue) => Promise<ExitCode>,
): Promise<never> {
  // A reader that closes the pipe early (`| head`) is not an error.
  process.stdout.on("error", () => process.exit(EXIT.fine));
  try {
    const resolved = connectionOf(url);
    const keys = queueKeys(checkQueueName("queue", queue), checkQueueName("prefix", prefix));
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
        prefix,
        keys,
        watcher: new QueueWatcher(redis, { queue, prefix }),
      });
    } finally {
      destroyConnection(redis);
    }
  } catch (error) {
    // What Redis refuses is no bug of ours, and is told in a sentence.
    const known = refusedError(error);
    reportUnseen(known);
    process.exit(exitCodeFor(known));
  }
  process.exit();
}

/** Tells what is wrong. */
export function complain(text: string): void {
  process.stderr.write(`poolmq: ${text}\n`);
}
