/** `poolmq shards`: over which Redis servers a queue is spread. */

import { Command, Option } from "commander";

import { InvalidOptionError } from "@poolmq/shared";
import { checkQueueName, refusedError, queueShards, resolveShards, urlsOf } from "@poolmq/shared/internal";
import { changeShards, checkServer, connect, destroyConnection, queueKeys } from "@poolmq/shared/redis";
import type { ShardChange, ShardPlace } from "@poolmq/shared/redis";

import { EXIT, EXIT_CODES_WITHOUT_MAP_HELP } from "../base/exit-code.ts";
import { prefixOption, queueOption } from "../base/queue-options.ts";
import { exitCodeFor, reportUnseen } from "../base/report-error.ts";
import { connectionGiven } from "../base/connection-given.ts";
import { integer } from "../base/integer.ts";

/** Shorter than elsewhere, because a person is waiting. */
const CONNECT_TIMEOUT_MS = 5_000;

interface ShardsFlags {
  readonly queue: string;
  readonly prefix: string;
  readonly redis: readonly string[];
  readonly shards?: number;
  readonly json?: true;
}

export function shardsCommand(): Command {
  return new Command("shards")
    .summary("add Redis servers to a queue, or remove some, while it is used")
    .description(
      "Makes these the servers over which the queue is spread. Maps that run go on, and both the old and the new list are accepted. Then start workers and producers with the new list, and run the command once more: from then on, only the new list is accepted. docs/deployment.md has the order of all steps.",
    )
    .helpOption("-h, --help", "print this help")
    .addOption(queueOption())
    .addOption(prefixOption())
    .addOption(
      new Option("-r, --redis <url>", "a server of the queue; once for each")
        .argParser((url: string, others: readonly string[]) => [...others, url])
        .default([], "those of POOLMQ_REDIS_URL, else REDIS_URL, if it has several"),
    )
    .addOption(
      new Option(
        "--shards <number>",
        "over how many queues of a Redis Cluster the queue is spread",
      ).argParser(integer),
    )
    .addOption(new Option("--json", "print JSON"))
    .addHelpText("after", EXIT_CODES_WITHOUT_MAP_HELP)
    .action((flags: ShardsFlags) => run(flags));
}

async function run({ queue, prefix, redis: urls, shards, json }: ShardsFlags): Promise<never> {
  const places: ShardPlace[] = [];
  try {
    checkQueueName("queue", queue);
    checkQueueName("prefix", prefix);
    const given = urls.length === 0 ? undefined : urls;
    // All servers that are not named are to go: the one that all commands look at must not be taken for the list.
    if (given === undefined && shards === undefined && urlsOf(process.env).urls.length < 2) {
      throw new InvalidOptionError(
        "Expected --redis once for each server that the queue is to have, got none",
      );
    }
    // A list of one server is one as well: all but this one are to go.
    const { connection = given } = shards === undefined ? {} : connectionGiven(given, shards);
    const connections = resolveShards(connection, shards) ?? [];
    await Promise.all(
      queueShards(connections, queue).map(async ({ connection, queue: name }) => {
        const { address } = connection;
        const redis = await connect(connection, {
          role: "commands",
          name: "cli",
          connectTimeoutMs: CONNECT_TIMEOUT_MS,
        });
        places.push({ redis, keys: queueKeys(name, prefix), address });
        await checkServer(redis, address);
      }),
    );
    const change = await changeShards(places, queue);
    process.stdout.write(
      json === true ? `${JSON.stringify({ queue, ...change })}\n` : `${textOf(queue, change)}\n`,
    );
  } catch (error) {
    const known = refusedError(error);
    reportUnseen(known);
    process.exit(exitCodeFor(known));
  } finally {
    for (const { redis } of places) destroyConnection(redis);
  }
  process.exit(EXIT.fine);
}

function textOf(queue: string, { change, shards, before }: ShardChange): string {
  const servers = `${shards} ${shards === 1 ? "shard" : "shards"}`;
  switch (change) {
    case "begun":
      return `Queue "${queue}" had ${before} and gets ${servers}. Start workers and producers with the new list, then run this once more.`;
    case "done":
      return `Queue "${queue}" has ${servers}: another list is refused from now on.`;
    case "none":
      return `Queue "${queue}" has ${servers}, as before.`;
    default:
      return change satisfies never;
  }
}
