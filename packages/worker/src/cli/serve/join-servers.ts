/** The Redis servers of a command that serves: it begins with the first one that is there, and the others join. */

import type { Cluster, Redis } from "ioredis";

import type { ResolvedConnection } from "@poolmq/shared/internal";
import { checkServer, destroyConnection } from "@poolmq/shared/redis";

import { complain } from "../base/queue-command.ts";
import { waitForRedis } from "./wait-for-redis.ts";

export interface JoinedServers {
  /** Those that are there so far: one at least. */
  readonly redis: readonly (Redis | Cluster)[];
  close(): void;
}

/**
 * Resolves with the first server, however long that takes.
 *
 * @param connections - one for each shard; those of a Cluster are the same one
 * @param name - of the command, as the servers show it
 * @param onJoin - is told of each server once it is there and was checked
 * @throws RedisConnectionError, UnsupportedRedisError, EvictionPolicyError, if none can be used without a change of settings
 */
export async function joinServers(
  connections: readonly ResolvedConnection[],
  name: string,
  onJoin: (connection: ResolvedConnection, redis: Redis | Cluster) => void,
): Promise<JoinedServers> {
  const opened: (Redis | Cluster)[] = [];
  const joined: (Redis | Cluster)[] = [];
  const close = (): void => opened.forEach(destroyConnection);
  const joins = [...new Set(connections)].map(async (connection) => {
    const redis = await waitForRedis(connection, name);
    opened.push(redis);
    await checkServer(redis, connection.address);
    joined.push(redis);
    onJoin(connection, redis);
  });
  try {
    await Promise.any(joins);
  } catch (error) {
    close();
    throw (error as AggregateError).errors[0];
  }
  for (const join of joins)
    join.catch((error: Error) => complain(`one server is not used: ${error.message}`));
  return { redis: joined, close };
}
