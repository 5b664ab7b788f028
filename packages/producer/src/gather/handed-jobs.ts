/** Jobs that were handed to an idle machine: those that it has not begun in time are taken back. */

import { clearTimeout, setTimeout } from "node:timers";

import type { Cluster, Redis } from "ioredis";

import { TAKE_BACK_MS, takeBack } from "@poolmq/shared/redis";
import type { jobIdOf, QueueKeys } from "@poolmq/shared/redis";

import type { Chunk } from "../input/chunk.ts";
import type { CarriedMap } from "../map/transport.ts";

/** Jobs that are due within this time of each other are looked after together, in ms. */
const TOGETHER_MS = 50;

interface HandedJob {
  readonly map: CarriedMap;
  /** Index of its first item. */
  readonly at: number;
  readonly id: string;
  readonly dueAt: number;
}

export class HandedJobs {
  readonly #redis: Redis | Cluster;
  readonly #keys: Pick<QueueKeys, "job">;
  /** The earliest first. */
  #jobs: HandedJob[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(redis: Redis | Cluster, keys: Pick<QueueKeys, "job">) {
    this.#redis = redis;
    this.#keys = keys;
  }

  /** The job of a single chunk was handed over. @param idOf - gives the id of the job of a chunk */
  add(map: CarriedMap, [chunk]: readonly Chunk[], idOf: typeof jobIdOf): void {
    // A call of a trivial function may have ended before Redis's answer was read.
    if (map.ended || chunk === undefined) return;
    const { at } = chunk;
    this.#jobs.push({ map, at, id: idOf(map.id, at), dueAt: performance.now() + TAKE_BACK_MS });
    this.#timer ??= this.#lookIn(TAKE_BACK_MS);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#jobs = [];
  }

  readonly #look = (): void => {
    const now = performance.now();
    const due = this.#jobs.findIndex(({ dueAt }) => dueAt > now);
    const ready = this.#jobs.splice(0, due === -1 ? Infinity : due);
    for (const { map, at, id } of ready) {
      if (map.ended || map.chunks([at]).length === 0) continue;
      // If this fails, the job runs again when its lock has expired.
      takeBack(this.#redis, this.#keys.job, id).catch(() => {});
    }
    const [first] = this.#jobs;
    this.#timer = first && this.#lookIn(Math.max(first.dueAt - now, TOGETHER_MS));
  };

  /** A call that somebody waits for keeps the process alive, and this timer alone does not. */
  #lookIn(ms: number): NodeJS.Timeout {
    return setTimeout(this.#look, ms).unref();
  }
}
