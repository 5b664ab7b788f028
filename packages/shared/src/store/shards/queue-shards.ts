import type { ResolvedConnection } from "../../redis/connection/connection-options.ts";
import { shardNames } from "./shard-names.ts";

/** Where a shard of a queue is: its Redis, and the name that the queue has there. */
export interface QueueShard {
  readonly connection: ResolvedConnection;
  readonly queue: string;
}

/**
 * Gives the shards of a queue. On several servers, the queue has the same name on each, and the order in which they are
 * listed does not matter. On a Cluster, each shard has a name of its own.
 *
 * @param connections - one for each shard
 */
export function queueShards(
  connections: readonly ResolvedConnection[],
  queue: string,
): readonly QueueShard[] {
  if (connections[0]?.kind === "cluster") {
    const names = shardNames(queue, connections.length);
    return connections.map((connection, at) => ({ connection, queue: names[at] ?? queue }));
  }
  return connections
    .toSorted((a, b) => (a.address < b.address ? -1 : 1))
    .map((connection) => ({ connection, queue }));
}
