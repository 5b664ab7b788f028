/** The way of a command to the shards of a queue: to one Redis, or to all over which it is spread. */

import type { Cluster, Redis } from "ioredis";

import { checkQueueName, settlesWithin, unlessAborted } from "@poolmq/shared/internal";
import { RedisConnectionError } from "@poolmq/shared";
import type { ResolvedConnection } from "@poolmq/shared/internal";
import { checkServer, connect, destroyConnection, queueKeys } from "@poolmq/shared/redis";
import type { QueueKeys } from "@poolmq/shared/redis";

import { QueueWatcher } from "../../watch/queue-watcher.ts";
import { shardsOf } from "../../worker-options.ts";
import { connectionGiven } from "./connection-given.ts";
import type { Shard } from "../../worker-options.ts";

/** Shorter than elsewhere, because a person is waiting. */
const CONNECT_TIMEOUT_MS = 5_000;

/** Once one shard is reached, all others together get so long, in ms: a server that is away must not hold up every command. */
const OTHERS_MS = 1_000;

/** A shard that answers. */
export interface ReachedShard {
  /** Name of its queue. */
  readonly name: string;
  readonly prefix: string;
  readonly redis: Redis | Cluster;
  /** Where Redis is, without its password. */
  readonly address: string;
  readonly keys: QueueKeys;
  readonly watcher: QueueWatcher;
}

export interface ShardFlags {
  readonly queue: string;
  readonly prefix: string;
  readonly redis?: readonly string[];
  readonly shards?: number;
}

/** A shard that can't be reached. */
export interface AwayShard {
  readonly address: string;
  readonly error: unknown;
}

/** The shards that the flags name. @throws InvalidOptionError */
export function shardsGiven({
  queue,
  redis,
  shards,
}: {
  readonly queue: string;
  readonly redis?: readonly string[] | undefined;
  readonly shards?: number | undefined;
}): readonly Shard[] {
  return shardsOf(connectionGiven(redis, shards), checkQueueName("queue", queue));
}

/**
 * Connects to all shards that can be reached.
 *
 * @throws InvalidOptionError; RedisConnectionError and the like if none of them can be reached
 */
export async function reachShards(flags: ShardFlags): Promise<{
  readonly reached: readonly ReachedShard[];
  readonly away: readonly AwayShard[];
}> {
  const prefix = checkQueueName("prefix", flags.prefix);
  const given = shardsGiven(flags);
  const late = new AbortController();
  const opened = new Connections(late.signal);
  const first = Promise.withResolvers<void>();
  const looks = given.map(async (shard): Promise<ReachedShard | AwayShard> => {
    const { connection, queue: name } = shard;
    const address = addressOf(shard, given);
    try {
      const redis = await opened.to(connection);
      const keys = queueKeys(name, prefix);
      // A Cluster answers while the node of this shard is away.
      if (given.length > 1) await unlessAborted(late.signal, redis.exists(keys.shards));
      first.resolve();
      return {
        name,
        prefix,
        redis,
        address,
        keys,
        watcher: new QueueWatcher(redis, { queue: name, prefix }),
      };
    } catch (error) {
      return { address, error: late.signal.aborted ? tooLate(address, error) : error };
    }
  });
  const all = Promise.all(looks);
  // A Cluster that is down takes connections, and answers nothing.
  await settlesWithin(CONNECT_TIMEOUT_MS, Promise.race([first.promise, all]));
  if (!(await settlesWithin(OTHERS_MS, all))) late.abort();
  const reached = (await all).filter((look) => "watcher" in look);
  const away = (await all).filter((look) => "error" in look);
  if (reached.length > 0) return { reached, away };
  opened.close();
  throw away[0]?.error as Error;
}

/** The shards of a Cluster have one address, and are told apart by the names of their queues. */
export function addressOf({ connection: { address }, queue }: Shard, all: readonly Shard[]): string {
  const isAlone = all.filter(({ connection }) => connection.address === address).length === 1;
  return isAlone ? address : `${address} (${queue})`;
}

/** One connection to each Redis, and one for all shards of a Cluster. */
class Connections {
  readonly #signal: AbortSignal;
  readonly #opening = new Map<ResolvedConnection, Promise<Redis | Cluster>>();

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  to(connection: ResolvedConnection): Promise<Redis | Cluster> {
    const opening = this.#opening.get(connection) ?? this.#open(connection);
    this.#opening.set(connection, opening);
    return opening;
  }

  close(): void {
    for (const opening of this.#opening.values()) opening.then(destroyConnection, () => {}); // it is not open
  }

  async #open(connection: ResolvedConnection): Promise<Redis | Cluster> {
    const signal = this.#signal;
    const redis = await connect(connection, {
      role: "commands",
      name: "cli",
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      signal,
    });
    try {
      await unlessAborted(signal, checkServer(redis, connection.address));
      return redis;
    } catch (error) {
      destroyConnection(redis);
      throw error;
    }
  }
}

/** What to tell of a shard that was given up: what its last attempt has failed with, where that is known. */
function tooLate(address: string, error: unknown): RedisConnectionError {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : undefined;
  const detail = cause === undefined ? "it does not answer" : cause.message;
  const advice = "See whether this server runs";
  return new RedisConnectionError({ reason: "unreachable", address, detail, advice }, { cause });
}
