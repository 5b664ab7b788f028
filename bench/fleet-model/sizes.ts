/** What the model says of fleets from 1 to 1,000 machines, and of maps from a thousand to a thousand million items. */

import type { Costs } from "./costs.ts";
import { demandOf } from "./demand.ts";
import type { Fleet } from "./fleet.ts";
import { callMsOf } from "./latency.ts";
import { connectionsOf, memoryOf } from "./memory.ts";
import { machinesLost } from "./recovery.ts";
import { askedForPerS, throughputOf } from "./throughput.ts";
import type { Throughput } from "./throughput.ts";

export const MACHINES = [1, 10, 100, 1_000] as const;
export const ITEM_MS = [10, 100, 1_000] as const;
export const SHARDS = [1, 2, 4, 8, 16] as const;

/** Processes of a machine: one for each of eight cores, as `poolmq worker` starts them. */
const PROCESSES = 8;

/** From here on, latency grows by more than what is carried. */
const BUSY_SHARE = 0.5;

const MOST_PRODUCERS = 32;

/**
 * Chunk sizes to try, from small to large. The smallest that suffices is best, since larger chunks are a coarser unit of
 * work.
 */
const CHUNKSIZES = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000] as const;

export interface Size {
  readonly machines: number;
  readonly itemMs: number;
  /** Items a second if all of the fleet's slots are busy. */
  readonly wantedPerS: number;
  /** What breaks first with one server and one producer, at a job each, and where. */
  readonly first: Pick<Throughput, "limit" | "itemsPerS">;
  /**
   * The smallest numbers with which each is at most half busy at one item to a job. `undefined` if even the largest
   * numbers are not enough.
   */
  readonly enough: { readonly shards: number; readonly producers: number } | undefined;
  /** With this many items to a job, one server and one producer are at most half busy. */
  readonly chunksize: number | undefined;
  /** Share of a core that each server uses in the fleet that is enough, or else in the largest. */
  readonly redis: number;
  readonly callMs: number;
  /** Connections of each server. */
  readonly connections: number;
  readonly redisMiB: number;
  /** A tenth of the machines is lost: until what they held has run. */
  readonly recoveryMs: number | undefined;
}

export function sizeOf(costs: Costs, machines: number, itemMs: number): Size {
  const work = { itemMs, chunksize: 1 };
  const one = fleetOf(machines, 1, 1);
  const wantedPerS = askedForPerS(costs, one, work);
  const isEnough = (fleet: Fleet, chunksize: number): boolean => {
    const { redis, producer } = demandOf(costs, fleet, { itemMs, chunksize }, wantedPerS);
    return redis <= BUSY_SHARE && producer <= BUSY_SHARE;
  };
  const fleets = SHARDS.flatMap((shards) =>
    Array.from({ length: MOST_PRODUCERS }, (_, n) => fleetOf(machines, shards, n + 1)),
  );
  const enough = fleets.find((fleet) => isEnough(fleet, 1));
  const fleet = enough ?? fleets.at(-1) ?? one;
  const throughput = throughputOf(costs, fleet, work);
  return {
    machines,
    itemMs,
    wantedPerS,
    first: throughputOf(costs, one, work),
    enough,
    chunksize: CHUNKSIZES.find((chunksize) => isEnough(one, chunksize)),
    redis: throughput.demand.redis,
    callMs: callMsOf(costs, fleet, work, throughput.demand, 0),
    connections: connectionsOf(costs, fleet),
    redisMiB: memoryOf(costs, fleet, work, Infinity, throughput.itemsPerS).redisMiB,
    recoveryMs: machines > 1 ? machinesLost(fleet, work, Math.ceil(machines / 10)).lastItemMs : undefined,
  };
}

export function fleetOf(machines: number, shards: number, producers: number): Fleet {
  return {
    producers,
    machines,
    processes: PROCESSES,
    concurrency: 1,
    shards,
    redisShare: 1,
    redisPauseMs: 0,
    cores: Infinity,
  };
}
