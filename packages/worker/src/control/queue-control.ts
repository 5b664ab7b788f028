/** Pauses a queue, resumes it, and removes what nobody will fetch. */

import type { Cluster, Redis } from "ioredis";

import { forgetMap, readQueue, wakeForStaged } from "@poolmq/shared/redis";

import { removeMap } from "./cancel-map.ts";
import type { ControlOptions } from "./control-options.ts";
import { QueueAccess } from "./queue-access.ts";
import { OrphanedJobs } from "../watch/orphaned-jobs.ts";

export class QueueControl {
  readonly #access: QueueAccess;

  /** The connection stays the caller's. */
  constructor(redis: Redis | Cluster, options: ControlOptions) {
    this.#access = new QueueAccess(redis, options);
  }

  /** Workers finish what they have, and take no more. */
  async pause(): Promise<void> {
    await this.#access.queue.pause();
    await this.#access.orders.note("paused the queue");
  }

  async resume(): Promise<void> {
    await this.#access.queue.resume();
    await wakeForStaged(this.#access.redis, this.#access.keys);
    await this.#access.orders.note("resumed the queue");
  }

  /** Gives the maps whose jobs wait for nobody, and how many these are. */
  async dead(): Promise<ReadonlyMap<string, number>> {
    const { redis, keys } = this.#access;
    return await new OrphanedJobs(redis, keys).byMap(await readQueue(redis, keys));
  }

  /** Removes the remains of a map: its jobs, its outcomes, what its producer told of it. Gives how many jobs were removed. */
  async purge(mapId: string): Promise<number> {
    const jobs = await removeMap(this.#access, mapId);
    await forgetMap(this.#access.redis, this.#access.keys, mapId);
    await this.#access.orders.note(`purged the map ${mapId}`);
    return jobs;
  }

  /** Lets go of the connection. */
  async close(): Promise<void> {
    await this.#access.close();
  }
}
