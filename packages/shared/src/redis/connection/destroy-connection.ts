import type { Cluster, Redis } from "ioredis";

/** Closes a connection at once, whatever state it is in. Commands without a reply are rejected. */
export function destroyConnection(connection: Redis | Cluster): void {
  const nodes = connection.isCluster ? (connection as Cluster).nodes() : [connection];
  for (const node of nodes as readonly NodeInternals[]) {
    // disconnect() waits for the server to close its side, and its timer keeps the process alive even if nothing is
    // connected.
    if (node.connector) node.connector.disconnectTimeout = 0;
    // ioredis subscribes again after a reconnect without handling the answer. Its rejection would be unhandled.
    const { offlineQueue, commandQueue } = node as unknown as QueueInternals;
    for (const queue of [offlineQueue, commandQueue]) {
      for (const { command } of queue?.toArray() ?? []) command.promise.catch(() => {});
    }
  }
  const isBetweenAttempts = connection.status === "reconnecting";
  connection.disconnect();
  for (const node of nodes as readonly NodeInternals[]) node.stream?.destroy();
  if (isBetweenAttempts) {
    // Between two attempts there is no socket whose end ioredis would notice, and it would leave these commands waiting
    // for ever.
    const internals = connection as unknown as QueueInternals;
    internals.flushQueue?.(new Error("Connection is closed."));
    internals.setStatus?.("end");
  }
}

interface CommandQueue {
  toArray(): { readonly command: { readonly promise: Promise<unknown> } }[];
}

/** Private fields of ioredis 6.0. */
interface NodeInternals {
  readonly stream?: { destroy(): unknown };
  readonly connector?: { disconnectTimeout?: number };
}

/** Also private fields of ioredis 6.0. */
interface QueueInternals {
  readonly offlineQueue?: CommandQueue;
  readonly commandQueue?: CommandQueue;
  flushQueue?(error: Error): void;
  setStatus?(status: string): void;
}
