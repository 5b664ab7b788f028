/** Counts orphaned jobs, whose producer is gone, so that nobody can fetch their outcomes. */

import type { Cluster, Redis } from "ioredis";

import { countStaged, isForsaken, readMapReport } from "@poolmq/shared/redis";
import type { QueueKeys, QueueReading } from "@poolmq/shared/redis";

import { mapView } from "./map-view.ts";

/** Ids that are read at a time. */
const PAGE = 10_000;

/** How often to count, at most, in ms, because counting reads all ids. */
const LOOK_MS = 5_000;

export class OrphanedJobs {
  readonly #redis: Redis | Cluster;
  readonly #keys: QueueKeys;
  #counted = 0;
  #countedAt = -Infinity;

  constructor(redis: Redis | Cluster, keys: QueueKeys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  /** Gives the number of orphaned jobs among those that wait for a worker or for another attempt. */
  async count({ atMs, jobs, reports }: QueueReading): Promise<number> {
    if (jobs.waiting + jobs.delayed === 0) return 0;
    if (performance.now() - this.#countedAt > LOOK_MS) {
      this.#countedAt = performance.now();
      // Jobs in line for a permit do not count as waiting, orphaned or not.
      const limited = new Set(jobs.limited === undefined ? [] : await this.#idsOf("limited"));
      const byMap = await this.byMap({ atMs, reports }, limited);
      this.#counted = [...byMap.values()].reduce((sum, n) => sum + n, 0);
    }
    return Math.min(this.#counted, jobs.waiting + jobs.delayed);
  }

  /** Gives the orphaned maps, with the number of their waiting jobs. */
  async byMap(
    { atMs, reports }: Pick<QueueReading, "atMs" | "reports">,
    without: ReadonlySet<string> = new Set(),
  ): Promise<ReadonlyMap<string, number>> {
    const waiting = await this.#waitingByMap(without);
    const states = new Map(
      reports.flatMap(({ id, text }) => {
        const read = waiting.has(id) ? readMapReport(text) : undefined;
        return read === undefined ? [] : [[id, mapView(id, read.report, read.toldAtMs, atMs).state] as const];
      }),
    );
    const orphaned = new Map<string, number>();
    for (const [mapId, jobs] of waiting) {
      const state = states.get(mapId);
      const isOrphaned =
        state === "lost" || (state !== "running" && (await this.#isUnwanted(mapId, state !== undefined)));
      if (isOrphaned) orphaned.set(mapId, jobs);
    }
    return orphaned;
  }

  async #isUnwanted(mapId: string, isTold: boolean): Promise<boolean> {
    if (!isTold) return await isForsaken(this.#redis, this.#keys, mapId);
    return (await this.#redis.exists(this.#keys.done(mapId))) === 0;
  }

  async #waitingByMap(without: ReadonlySet<string>): Promise<Map<string, number>> {
    const counts = new Map(await countStaged(this.#redis, this.#keys));
    for (const name of ["wait", "prioritized", "delayed"] as const) {
      for (const id of await this.#idsOf(name)) {
        if (without.has(id)) continue;
        const mapId = id.slice(0, id.lastIndexOf("-"));
        counts.set(mapId, (counts.get(mapId) ?? 0) + 1);
      }
    }
    return counts;
  }

  /** All ids of a list or sorted set. */
  async #idsOf(name: "wait" | "prioritized" | "delayed" | "limited"): Promise<string[]> {
    const key = name === "limited" ? this.#keys.limited : this.#keys.job(name);
    const all: string[] = [];
    for (let start = 0; ; start += PAGE) {
      const end = start + PAGE - 1;
      const ids =
        name === "wait"
          ? await this.#redis.lrange(key, start, end)
          : await this.#redis.zrange(key, String(start), String(end));
      all.push(...ids);
      if (ids.length < PAGE) return all;
    }
  }
}
