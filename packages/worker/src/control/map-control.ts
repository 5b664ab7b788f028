/**
 * Ends a map, or runs its failed items again, from outside of its producer. It is an entry point of its own, for the
 * project's tools and tests, because it needs BullMQ and the other entry points do not.
 */

import type { Cluster, Redis } from "ioredis";

import { cancelMap, isAttended } from "./cancel-map.ts";
import type { Cancelled } from "./cancel-map.ts";
import type { ControlOptions } from "./control-options.ts";
import { prioritizeMap } from "./prioritize-map.ts";
import type { Prioritized } from "./prioritize-map.ts";
import { QueueAccess } from "./queue-access.ts";
import { retryMap } from "./retry-map.ts";
import type { Retried } from "./retry-map.ts";

export class MapControl {
  readonly #access: QueueAccess;

  /** The connection stays the caller's. */
  constructor(redis: Redis | Cluster, options: ControlOptions) {
    this.#access = new QueueAccess(redis, options);
  }

  /**
   * Ends a map: its producer's handle rejects with a `CancelledError`, what waits is removed, what runs is stopped.
   *
   * @param force - do not ask a live producer. Unless that producer hangs, it enqueues again what it misses
   */
  async cancel(
    mapId: string,
    reason: string,
    { force = false }: { readonly force?: boolean } = {},
  ): Promise<Cancelled> {
    return await cancelMap(this.#access, mapId, reason, force);
  }

  /** Changes the priority of a map; `undefined` is none, which is the least urgent. */
  async setPriority(mapId: string, priority: number | undefined): Promise<Prioritized> {
    return await prioritizeMap(this.#access, mapId, priority);
  }

  /**
   * Runs those items of a durable map again that failed. A process that attaches to it, or makes the same call, gets the
   * new outcomes with the others.
   */
  async retry(mapId: string): Promise<Retried> {
    return await retryMap(this.#access, mapId);
  }

  /** Whether the map's producer gave a sign of life a moment ago. */
  async isAttended(mapId: string): Promise<boolean> {
    return await isAttended(this.#access, mapId);
  }

  /** Tells the machines what was done, for their logs. Gives whether one hears it, as far as that is known. */
  async note(what: string): Promise<boolean> {
    return await this.#access.orders.note(what);
  }

  /** Closes what this object opened; the connection stays open. */
  async close(): Promise<void> {
    await this.#access.close();
  }
}
