import type { Cluster, Redis } from "ioredis";

import { queueShards } from "@poolmq/shared/internal";
import type { ResolvedConnection, SigningKeys } from "@poolmq/shared/internal";
import { destroyConnection, queueKeys, SharedOpening } from "@poolmq/shared/redis";
import type { LargestValue } from "@poolmq/shared/redis";

import type { GatherHooks } from "../gather/gather-parts.ts";
import { openGather } from "../gather/open-gather.ts";
import type { SharedCommands } from "../gather/open-gather.ts";
import { Meter } from "../map/meter.ts";
import { ShardList } from "./shard-list.ts";
import type { ShardSite } from "./shard-list.ts";
import { Shard } from "./shard.ts";
import { ShardedGather } from "./sharded-gather.ts";

/** How long one attempt to reach a shard may take that did not answer at the start, in ms. The next one follows soon. */
const LATER_TIMEOUT_MS = 2_000;

interface ShardedQueue {
  readonly queue: string;
  readonly prefix: string;
  readonly signingKeys: SigningKeys | undefined;
  readonly signatureTtlMs: number;
  readonly connectTimeoutMs: number;
}

/**
 * Opens a queue that is spread over several shards: several servers, on which the queue has the same name, or one
 * Cluster, on which each shard has a name of its own.
 *
 * @param connections - one for each shard
 * @throws RedisConnectionError if no shard answers, or one can't be used; ShardMismatchError
 */
export async function openShards(
  connections: readonly ResolvedConnection[],
  { queue, prefix, signingKeys, signatureTtlMs, connectTimeoutMs }: ShardedQueue,
  hooks: GatherHooks,
  signal: AbortSignal,
): Promise<{
  readonly gather: ShardedGather;
  readonly largest: LargestValue | undefined;
  close(): Promise<void>;
}> {
  const meter = new Meter();
  const ended = new AbortController();
  const unneeded = AbortSignal.any([signal, ended.signal]);
  // Those of a Cluster are the same connection, and need only one for commands.
  const commands = new SharedOpening<ResolvedConnection, Redis | Cluster>(destroyConnection);
  /** Empty until the first shards answer. */
  const above: { gather?: ShardedGather } = {};

  const sites = queueShards(connections, queue).map(({ connection, queue: name }): ShardSite => {
    const keys = queueKeys(name, prefix);
    const isCluster = connection.kind === "cluster";
    const address = isCluster ? `${connection.address} (${name})` : connection.address;
    const gathered = { keys, queue, signer: signingKeys?.signer(keys), signatureTtlMs, shard: { meter } };
    return {
      address,
      async open(isFirst) {
        const waitMs = isFirst ? connectTimeoutMs : Math.min(connectTimeoutMs, LATER_TIMEOUT_MS);
        const shared: SharedCommands = async (open) => await commands.take(connection, open);
        const options = { connectTimeoutMs: waitMs, signal: unneeded, commands: shared };
        const opened = await openGather(connection, gathered, hooks, options);
        return new Shard(address, keys, opened, {
          onSilent: (shard) => above.gather?.fellSilent(shard),
          onReturn: async (shard) => await above.gather?.putInOrder(shard),
          onServing: (shard) => above.gather?.serves(shard),
        });
      },
    };
  });
  const list = new ShardList(
    queue,
    sites,
    { onJoin: (shard) => above.gather?.joined(shard), alarm: (message) => hooks.alarm(message) },
    unneeded,
  );
  try {
    await list.start();
  } catch (error) {
    ended.abort();
    await list.close();
    throw error;
  }
  const gather = new ShardedGather(list, meter, hooks);
  above.gather = gather;
  const [largest] = list.joined.flatMap((shard) => shard.largest ?? []).toSorted((a, b) => a.bytes - b.bytes);
  return {
    gather,
    largest,
    async close() {
      ended.abort();
      await gather.close();
    },
  };
}
