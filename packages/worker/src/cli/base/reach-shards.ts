/** The way of a command to the shards of a queue: to one Redis, or to all over which it is spread. */

import type { Cluster, Redis } from "ioredis";

import { checkQueueName } from "@poolmq/shared/internal";
import { checkServer, connect, destroyConnection, queueKeys } from "@poolmq/shared/redis";
import type { QueueKeys } from "@poolmq/shared/redis";

import { QueueWatcher } from "../../watch/queue-watcher.ts";
import { shardsOf } from "../../worker-options.ts";
import type { Shard } from "../../worker-options.ts";

/** Shorter than elsewhere, because a person is waiting. */
const CONNECT_TIMEOUT_MS = 5_000;

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
export function shardsGiven({ queue, redis, shards }: Omit<ShardFlags, "prefix">): readonly Shard[] {
  // One URL may be that of a Cluster's node, which a list does not take.
  const connection = redis?.length === 1 ? redis[0] : redis;
  return shardsOf({ connection, shards }, checkQueueName("queue", queue));
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
  const looks = await Promise.all(
    shardsGiven(flags).map(async (shard): Promise<ReachedShard | AwayShard> => {
      try {
        return await reach(shard, prefix);
      } catch (error) {
        return { address: shard.connection.address, error };
      }
    }),
  );
  const reached = looks.filter((look) => "watcher" in look);
  const away = looks.filter((look) => "error" in look);
  if (reached.length === 0) throw away[0]?.error as Error;
  return { reached, away };
}

async function reach({ connection, queue: name }: Shard, prefix: string): Promise<ReachedShard> {
  const { address } = connection;
  const redis = await connect(connection, {
    role: "commands",
    name: "cli",
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
  });
  try {
    await checkServer(redis, address);
  } catch (error) {
    destroyConnection(redis);
    throw error;
  }
  const watcher = new QueueWatcher(redis, { queue: name, prefix });
  return { name, prefix, redis, address, keys: queueKeys(name, prefix), watcher };
}
