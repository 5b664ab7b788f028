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

  /** Pauses the queue: workers finish the jobs that they have, and take no more. */
  async pause(): Promise<void> {
    await this.#access.queue.pause();
  }

  async resume(): Promise<void> {
    await this.#access.queue.resume();
    await wakeForStaged(this.#access.redis, this.#access.keys);
  }

  /** Gives the number of waiting jobs of each map whose outcomes nobody will fetch. */
  async dead(): Promise<ReadonlyMap<string, number>> {
    const { redis, keys } = this.#access;
    return await new OrphanedJobs(redis, keys).byMap(await readQueue(redis, keys));
  }

  /** Removes the remains of a map: its jobs, its outcomes, its producer's reports. Gives how many jobs were removed. */
  async purge(mapId: string): Promise<number> {
    const jobs = await removeMap(this.#access, mapId);
    await forgetMap(this.#access.redis, this.#access.keys, mapId);
    return jobs;
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
