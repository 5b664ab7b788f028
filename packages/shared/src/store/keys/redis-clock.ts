/** The clock of the Redis server: machines' own clocks differ, so whatever several of them compare is told by this one. */

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
  /** Redis's time less that of the monotonic clock, in ms. Until it was asked for, this machine's own time is taken. */
  #offsetMs: number = Date.now() - performance.now();

  constructor(redis: Redis | Cluster) {
    this.#redis = redis;
  }

  /** Asks Redis for its time. To be done now and then, because clocks drift and a failover brings another one. */
  async read(): Promise<void> {
    const askedAt = performance.now();
    const redisMs = await redisNowMs(this.#redis);
    // As if both ways took equally long.
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
