/** The connections of a machine to one Redis: one for commands, and one that waits for messages. */

import type { Cluster, Redis } from "ioredis";
import type { Logger } from "pino";

import type { ResolvedConnection } from "@poolmq/shared/internal";
import { checkServer, destroyConnection, largestValue } from "@poolmq/shared/redis";
import type { LargestValue } from "@poolmq/shared/redis";

import { reachRedis } from "./reach-redis.ts";

export interface LaneConnections {
  readonly redis: Redis | Cluster;
  /** The connection that only listens. */
  readonly subscriber: Redis | Cluster;
  /** The largest value that this Redis takes in one piece, if it limits that. */
  readonly largest: LargestValue | undefined;
}

/**
 * Reaches Redis and checks it.
 *
 * @param name - name of the machine, which the server shows
 * @param options.waitMs - how long to wait for a Redis that can't be reached; 0: as long as it takes
 * @param options.signal - aborts the wait
 * @throws RedisConnectionError, UnsupportedRedisError, EvictionPolicyError
 */
export async function openLane(
  connection: ResolvedConnection,
  name: string,
  { waitMs, signal, log }: { readonly waitMs: number; readonly signal: AbortSignal; readonly log: Logger },
): Promise<LaneConnections> {
  const opened: (Redis | Cluster)[] = [];
  const giveUp = (): void => opened.forEach(destroyConnection);
  signal.addEventListener("abort", giveUp);
  try {
    const redis = await reachRedis(connection, { role: "commands", name, signal }, waitMs, log);
    opened.push(redis);
    await checkServer(redis, connection.address);
    const [largest, subscriber] = await Promise.all([
      largestValue(redis),
      reachRedis(connection, { role: "blocking", name: `${name}-control`, signal }, waitMs, log),
    ]);
    opened.push(subscriber);
    signal.throwIfAborted();
    return { redis, subscriber, largest };
  } catch (error) {
    giveUp();
    throw error;
  } finally {
    signal.removeEventListener("abort", giveUp);
  }
}
