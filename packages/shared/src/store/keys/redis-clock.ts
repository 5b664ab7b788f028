/**
 * The clock of the Redis server. Machines' own clocks differ, so every time that several machines compare is taken from
 * this clock.
 */

import type { Cluster, Redis } from "ioredis";

/** Lua that reads the clock into `now`, in ms since 1970. For the beginning of a script. */
export const READ_CLOCK = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)`;

/** Asks Redis for its time, in ms since 1970. */
export async function redisNowMs(redis: Redis | Cluster): Promise<number> {
  const [seconds, micros] = await redis.time();
  return Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000);
}

/** Redis's clock as this process knows it. Goes by the monotonic clock, so that setting the wall clock changes nothing. */
export class RedisClock {
  readonly #redis: Redis | Cluster;
  /** Redis's time minus that of the monotonic clock, in ms. Until Redis was asked, this machine's wall clock is used. */
  #offsetMs: number = Date.now() - performance.now();

  constructor(redis: Redis | Cluster) {
    this.#redis = redis;
  }

  /**
   * Asks Redis for its time. To be called now and then, because clocks drift, and after a failover another server's clock
   * counts.
   */
  async read(): Promise<void> {
    const askedAt = performance.now();
    const redisMs = await redisNowMs(this.#redis);
    // Assumes that request and reply took equally long.
    this.#offsetMs = redisMs - (askedAt + performance.now()) / 2;
  }

  /** Redis's time, in ms since 1970. */
  get nowMs(): number {
    return Math.round(performance.now() + this.#offsetMs);
  }

  /** How much Redis's clock is ahead of this machine's, in ms. */
  get aheadMs(): number {
    return this.nowMs - Date.now();
  }
}
