/** Opens the queue of a pool. Loads the Redis client and BullMQ, so that it is loaded once the pool's own machine was started. */

import type { ResolvedConnection } from "@poolmq/shared/internal";
import { agreeOnShards, queueKeys } from "@poolmq/shared/redis";
import type { LargestValue } from "@poolmq/shared/redis";

import type { GatherHooks } from "../gather/gather-parts.ts";
import type { MapGather } from "../gather/map-gather.ts";
import { openGather } from "../gather/open-gather.ts";
import type { RedisPoolOptions } from "../options/pool-options.ts";

/** An open queue, in one Redis or in several. */
export interface OpenQueue {
  readonly gather: MapGather;
  /** What Redis takes in one piece, if it tells. */
  readonly largest: LargestValue | undefined;
  close(): Promise<void>;
}

/** Opens a queue in one Redis, or one that is spread over several. */
export async function openQueue(
  connections: readonly ResolvedConnection[],
  queue: string,
  { prefix, signingKeys, signatureTtlMs, connectTimeoutMs }: RedisPoolOptions,
  hooks: GatherHooks,
  signal: AbortSignal,
): Promise<OpenQueue> {
  const [connection, ...others] = connections;
  if (connection === undefined || others.length > 0) {
    // Loaded only if needed: a queue in one Redis has no shards.
    const { openShards } = await import("../shards/open-shards.ts");
    const options = { queue, prefix, signingKeys, signatureTtlMs, connectTimeoutMs };
    return await openShards(connections, options, hooks, signal);
  }
  const keys = queueKeys(queue, prefix);
  const { address } = connection;
  const gathered = { keys, queue, signer: signingKeys?.signer(keys), signatureTtlMs };
  return await openGather(connection, gathered, hooks, {
    connectTimeoutMs,
    signal,
    check: (redis) =>
      agreeOnShards([{ redis, keys, address }], { queue, who: "producer", addresses: [address] }),
  });
}
