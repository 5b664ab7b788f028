/** The smallest fleet, on the machine on which the bench runs: all parts share its cores. */

import { availableParallelism } from "node:os";

import type { Fleet } from "../fleet.ts";

export const CORES: number = availableParallelism();

export const ALONE: Fleet = {
  producers: 1,
  machines: 1,
  processes: 1,
  concurrency: 1,
  shards: 1,
  redisShare: 1,
  redisPauseMs: 0,
  cores: CORES,
};
