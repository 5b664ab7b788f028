import type { Cluster, Redis } from "ioredis";

/** Closes a connection at once, whatever state it is in. Commands without a reply are rejected. */
export function destroyConnection(connection: Redis | Cluster): void {
  const nodes = connection.isCluster ? (connection as Cluster).nodes() : [connection];
  for (const node of nodes as readonly NodeInternals[]) {
    // disconnect() waits for the other side, with a timer that holds the process, even if there is no other side.
    if (node.connector) node.connector.disconnectTimeout = 0;
    // ioredis subscribes again by itself after a reconnect, and listens to no answer: nobody would catch that rejection.
    const { offlineQueue, commandQueue } = node as unknown as QueueInternals;
    for (const queue of [offlineQueue, commandQueue]) {
      for (const { command } of queue?.toArray() ?? []) command.promise.catch(() => {});
    }
  }
  const isBetweenAttempts = connection.status === "reconnecting";
  connection.disconnect();
  for (const node of nodes as readonly NodeInternals[]) node.stream?.destroy();
  if (isBetweenAttempts) {
    // There is no socket whose end could tell it: ioredis leaves the commands waiting for ever.
    const internals = connection as unknown as QueueInternals;
    internals.flushQueue?.(new Error("Connection is closed."));
    internals.setStatus?.("end");
  }
}

interface CommandQueue {
  toArray(): { readonly command: { readonly promise: Promise<unknown> } }[];
}

/** What ioredis 6.0 has no public name for. */
interface NodeInternals {
  readonly stream?: { destroy(): unknown };
  readonly connector?: { disconnectTimeout?: number };
}

/** Likewise. */
interface QueueInternals {
  readonly offlineQueue?: CommandQueue;
  readonly commandQueue?: CommandQueue;
  flushQueue?(error: Error): void;
  setStatus?(status: string): void;
}
