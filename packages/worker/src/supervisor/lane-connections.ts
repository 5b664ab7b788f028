/**
 * The connections of a machine to one Redis: one for commands, and one that waits for messages. Lanes on the same Redis, which
 * are those of a Cluster, share them. What waits for jobs is a connection of each lane's own, which BullMQ makes.
 */

import type { Cluster, Redis } from "ioredis";
import type { Logger } from "pino";

import type { ResolvedConnection } from "@poolmq/shared/internal";
import { checkServer, destroyConnection, largestValue, SharedOpening } from "@poolmq/shared/redis";
import type { LargestValue } from "@poolmq/shared/redis";

import { reachRedis, untilReached } from "./reach-redis.ts";

interface OpenConnections {
  readonly redis: Redis | Cluster;
  /** The connection that only listens. */
  readonly subscriber: Redis | Cluster;
  /** The largest value that this Redis takes in one piece, if it limits that. */
  readonly largest: LargestValue | undefined;
}

/** The connections as one lane has them. */
export interface LaneConnections extends OpenConnections {
  /** The lane needs them no longer: they are closed with the last one that does. */
  readonly release: () => void;
}

export class MachineConnections {
  readonly #name: string;
  readonly #signal: AbortSignal;
  readonly #log: Logger;
  readonly #shared = new SharedOpening<ResolvedConnection, OpenConnections>(({ redis, subscriber }) => {
    destroyConnection(subscriber);
    destroyConnection(redis);
  });

  /**
   * @param name - of the machine, as the servers show it
   * @param signal - gives up what is being opened
   */
  constructor(name: string, signal: AbortSignal, log: Logger) {
    this.#name = name;
    this.#signal = signal;
    this.#log = log;
  }

  /**
   * Gives a lane its connections.
   *
   * @param waitMs - how long to wait for a Redis that is not there; 0: as long as it takes
   * @throws RedisConnectionError, UnsupportedRedisError, EvictionPolicyError
   */
  async open(connection: ResolvedConnection, waitMs: number): Promise<LaneConnections> {
    const reaching = { waitMs, signal: this.#signal, log: this.#log };
    const { opened, release } = await this.#shared.take(connection, async () => {
      return await openLane(connection, this.#name, reaching);
    });
    return { ...opened, release };
  }
}

/**
 * Reaches Redis and checks it.
 *
 * @param name - name of the machine, which the server shows
 * @param options.waitMs - how long to wait for a Redis that can't be reached; 0: as long as it takes
 * @param options.signal - aborts the wait
 * @throws RedisConnectionError, UnsupportedRedisError, EvictionPolicyError
 */
async function openLane(
  connection: ResolvedConnection,
  name: string,
  { waitMs, signal, log }: { readonly waitMs: number; readonly signal: AbortSignal; readonly log: Logger },
): Promise<OpenConnections> {
  const opened: (Redis | Cluster)[] = [];
  const giveUp = (): void => opened.forEach(destroyConnection);
  signal.addEventListener("abort", giveUp);
  try {
    const redis = await reachRedis(connection, { role: "commands", name, signal }, waitMs, log);
    opened.push(redis);
    await untilReached(connection.address, waitMs, log, async (tryMs) => {
      signal.throwIfAborted();
      await checkServer(redis, connection.address, tryMs);
    });
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
