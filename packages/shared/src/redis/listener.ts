import type { Cluster, Redis } from "ioredis";

/** What is used of a connection. A Cluster has no stream of its own. */
export type Heard = Pick<Redis | Cluster, "isCluster"> & { readonly stream?: { readonly bytesRead: number } };

/**
 * Tells a server that is away from one that is busy. A server answers in the order of its questions, so that a ping waits
 * for everything that was sent before it, which on a busy server may take seconds. As long as anything comes from it, it is
 * there.
 */
export class Listener {
  /** Connections to the server, with the bytes that had come at the last call. */
  readonly #heard: { readonly redis: Heard; bytes: number }[];

  /** @param connections - to one server: what comes on any of them is a sign of it */
  constructor(...connections: Heard[]) {
    this.#heard = connections.map((redis) => ({ redis, bytes: 0 }));
  }

  /**
   * Whether the server has sent anything since the last call. Always `false` for a Cluster: that another of its nodes
   * answers says nothing about the one that was asked.
   */
  hasHeard(): boolean {
    let isMore = false;
    for (const one of this.#heard) {
      const bytes = one.redis.isCluster ? 0 : (one.redis.stream?.bytesRead ?? 0);
      // A new connection begins to count at 0: that alone is no sign of the server.
      if (bytes > one.bytes) isMore = true;
      one.bytes = bytes;
    }
    return isMore;
  }
}
