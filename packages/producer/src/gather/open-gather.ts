/** Opens the connections to one Redis, checks its server, and begins to gather there. */

import type { Cluster, Redis } from "ioredis";

import { checkServer, connect, destroyConnection, largestValue, unrefConnection } from "@poolmq/shared/redis";
import type { LargestValue, Use } from "@poolmq/shared/redis";
import type { ResolvedConnection } from "@poolmq/shared/internal";

import type { GatheredQueue, GatherHooks } from "./gather-parts.ts";
import { Gather } from "./gather.ts";

/** A gather, and the connections on which it stands. */
export interface OpenGather {
  readonly gather: Gather;
  readonly redis: Redis | Cluster;
  /** The connection on which outcomes are read. */
  readonly blocking: Redis | Cluster;
  /** The largest value that Redis takes, if it limits that. */
  readonly largest: LargestValue | undefined;
  close(): Promise<void>;
}

/** A connection for commands that others use too. */
export type SharedCommands = (open: () => Promise<Redis | Cluster>) => Promise<Use<Redis | Cluster>>;

export interface OpenOptions {
  readonly connectTimeoutMs: number;
  /** Aborts the start. */
  readonly signal: AbortSignal;
  /** A further check, sent together with another command so that both take one round trip. */
  readonly check?: (redis: Redis | Cluster) => Promise<unknown>;
  /** Shares the connection for commands; it is opened if nobody has it. Absent: it is the gather's own. */
  readonly commands?: SharedCommands;
}

/** @throws RedisConnectionError, UnsupportedRedisError, EvictionPolicyError, and what `check` throws. Nothing is left open then. */
export async function openGather(
  resolved: ResolvedConnection,
  queue: GatheredQueue,
  hooks: GatherHooks,
  { connectTimeoutMs, signal, check, commands }: OpenOptions,
): Promise<OpenGather> {
  const connections: (Redis | Cluster)[] = [];
  const releases: (() => void)[] = [];
  const disconnect = (): void => {
    connections.forEach(destroyConnection);
    for (const release of releases) release();
  };
  const open = async (role: "commands" | "blocking"): Promise<Redis | Cluster> => {
    const connection = await connect(resolved, { role, connectTimeoutMs, signal });
    unrefConnection(connection);
    return connection;
  };
  const openOwn = async (role: "commands" | "blocking"): Promise<Redis | Cluster> => {
    const connection = await open(role);
    connections.push(connection);
    return connection;
  };
  try {
    const shared = await commands?.(async () => await open("commands"));
    if (shared !== undefined) releases.push(shared.release);
    const redis = shared?.opened ?? (await openOwn("commands"));
    await checkServer(redis, resolved.address, connectTimeoutMs);
    const asked = Promise.all([largestValue(redis), openOwn("blocking"), check?.(redis)]);
    const [largest, blocking] = await asked;
    const gather = new Gather(redis, blocking, { ...queue, largest }, hooks);
    const close = async (): Promise<void> => {
      await gather.close(disconnect);
      disconnect();
    };
    return { gather, redis, blocking, largest, close };
  } catch (error) {
    disconnect();
    throw error;
  }
}
