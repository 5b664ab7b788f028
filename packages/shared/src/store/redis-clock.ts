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
