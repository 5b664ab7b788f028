/**
 * Ends a map, or runs its failed items again, from outside of its producer. A door of its own, for the project's tools
 * and tests: it needs BullMQ, which the other doors do without.
 */

import { Queue } from "bullmq";
import type { Cluster, Redis } from "ioredis";

import { plainJobs, queueKeys } from "@poolmq/shared/redis";

import { cancelMap, isAttended, removeMap } from "./cancel-map.ts";
import type { Cancelled } from "./cancel-map.ts";
import type { ControlOptions } from "./control-options.ts";
import { Orders } from "./orders.ts";
import { prioritizeMap } from "./prioritize-map.ts";
import type { Prioritized } from "./prioritize-map.ts";
import type { QueueAccess } from "./queue-access.ts";
import { retryMap } from "./retry-map.ts";
import type { Retried } from "./retry-map.ts";

export class MapControl {
  readonly #access: QueueAccess;
  readonly #by: string;

  /** The connection stays the caller's. */
  constructor(redis: Redis | Cluster, options: Omit<ControlOptions, "by"> & { readonly by?: string }) {
    const keys = queueKeys(options.queue, options.prefix);
    // Looks and changes jobs, and leaves nothing of its own behind. What it adds is of durable maps, which are staged.
    const bull = { connection: redis, prefix: keys.bullPrefix, skipMetasUpdate: true };
    const queue = new Queue(keys.bullName, bull, plainJobs(redis, undefined, true));
    queue.on("error", () => {}); // the one who asks is told
    this.#access = { redis, keys, queue, orders: new Orders(redis, keys, options.signingKeys) };
    this.#by = options.by ?? "somebody";
  }

  /**
   * Ends a map: its producer's handle rejects with a `CancelledError`, what waits is removed, what runs is stopped.
   *
   * @param force - do not ask a producer that lives: it enqueues again what it misses, unless it has hung
   */
  async cancel(
    mapId: string,
    reason: string,
    { force = false }: { readonly force?: boolean } = {},
  ): Promise<Cancelled> {
    const cancelled = await cancelMap(this.#access, mapId, reason, force);
    const isDone = cancelled === "by its producer" || cancelled === "removed";
    if (isDone) await this.#note(`cancelled the map ${mapId}`);
    return cancelled;
  }

  /** Makes a map more or less urgent; `undefined` is no priority, the least urgent. */
  async setPriority(mapId: string, priority: number | undefined): Promise<Prioritized> {
    const prioritized = await prioritizeMap(this.#access, mapId, priority);
    const what = priority === undefined ? "no priority" : `the priority ${priority}`;
    if (prioritized === "changed") await this.#note(`gave the map ${mapId} ${what}`);
    return prioritized;
  }

  /**
   * Runs those items of a durable map again that failed. Who attaches to it, or makes the same call, gets their new
   * outcomes with the others.
   */
  async retry(mapId: string): Promise<Retried> {
    const retried = await retryMap(this.#access, mapId);
    if ("items" in retried && retried.items > 0)
      await this.#note(`ran ${retried.items} failed items of the map ${mapId} again`);
    return retried;
  }

  /** Whether the map's producer was heard of a moment ago. */
  async isAttended(mapId: string): Promise<boolean> {
    return await isAttended(this.#access, mapId);
  }

  /** Removes a map whose producer does not answer. Gives how many of its jobs waited. */
  async remove(mapId: string): Promise<number> {
    return await removeMap(this.#access, mapId);
  }

  /** Lets go of the connection. */
  async close(): Promise<void> {
    await this.#access.queue.close();
  }

  async #note(what: string): Promise<void> {
    await this.#access.orders.send({ t: "notice", what, by: this.#by });
  }
}
