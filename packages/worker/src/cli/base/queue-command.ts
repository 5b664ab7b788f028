/** What the commands that look at a queue have in common: their flags, a connection, exit codes. */

import { Command, Option } from "commander";

import { refusedError } from "@poolmq/shared/internal";
import { destroyConnection } from "@poolmq/shared/redis";

import { PoolWatcher } from "../../watch/pool-watcher.ts";
import type { Watcher } from "../../watch/pool-watcher.ts";
import { EXIT } from "./exit-code.ts";
import type { ExitCode } from "./exit-code.ts";
import { prefixOption, queueOption, redisOptions, shardsOption } from "./queue-options.ts";
import { reachShards } from "./reach-shards.ts";
import type { AwayShard, ReachedShard, ShardFlags } from "./reach-shards.ts";
import { exitCodeFor, reportUnseen } from "./report-error.ts";

export interface QueueFlags extends ShardFlags {
  readonly json?: true;
}

/** A queue that was reached: the fields of its first shard that answers, and all shards that answer. */
export interface ReachedQueue extends Omit<ReachedShard, "watcher"> {
  /** Looks at all shards as at one queue. */
  readonly watcher: Watcher;
  /** Those that answer: one, unless the queue is spread over several Redis servers. */
  readonly shards: readonly [ReachedShard, ...ReachedShard[]];
  readonly away: readonly AwayShard[];
}

export function queueCommand(name: string): Command {
  return new Command(name)
    .helpOption("-h, --help", "print this help")
    .addOption(queueOption())
    .addOption(prefixOption())
    .addOption(redisOptions())
    .addOption(shardsOption())
    .addOption(new Option("--json", "print JSON"));
}

/** Reaches the queue, does something with it, and ends the process with the exit code that it gives. */
export async function withQueue(
  flags: QueueFlags,
  action: (queue: ReachedQueue) => Promise<ExitCode>,
): Promise<never> {
  // A reader that closes the pipe early (`| head`) is not an error.
  process.stdout.on("error", () => process.exit(EXIT.fine));
  try {
    const { reached, away } = await reachShards(flags);
    const [first, ...others] = reached;
    if (first === undefined) throw new Error("unreachable: one is reached, or that is an error");
    for (const { address, error } of away) {
      const { message } = error as Error;
      complain(`what lies on ${address} is left out, since it can't be reached: ${message}`);
    }
    const looked = [...reached, ...away.map(({ address }) => ({ address, watcher: undefined }))];
    // A server stands where it stands while it answers.
    if (away.length > 0) looked.sort((a, b) => (a.address < b.address ? -1 : 1));
    const watcher = new PoolWatcher(flags.queue, looked);
    try {
      process.exitCode = await action({ ...first, watcher, shards: [first, ...others], away });
    } finally {
      for (const { redis } of reached) destroyConnection(redis);
    }
  } catch (error) {
    // A refusal by Redis is not a bug, and is reported in one sentence.
    const known = refusedError(error);
    reportUnseen(known);
    process.exit(exitCodeFor(known));
  }
  process.exit();
}

/** Prints a problem on stderr. */
export function complain(text: string): void {
  process.stderr.write(`poolmq: ${text}\n`);
}
