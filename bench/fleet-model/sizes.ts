/** What the model says of fleets from 1 to 1,000 machines, and of maps from a thousand to a thousand million items. */

import type { Costs } from "./costs.ts";
import { demandOf } from "./demand.ts";
import { slotsOf } from "./fleet.ts";
import type { Fleet, Work } from "./fleet.ts";
import { callMsOf } from "./latency.ts";
import { connectionsOf, memoryOf } from "./memory.ts";
import { machinesLost } from "./recovery.ts";
import { throughputOf } from "./throughput.ts";
import type { Limit } from "./throughput.ts";

export const MACHINES = [1, 10, 100, 1_000] as const;
export const SHARDS = [1, 2, 4, 8, 16] as const;

/** Processes of a machine: one for each of eight cores, as `poolmq worker` starts them. */
const PROCESSES = 8;

/** From here on, latency grows by more than what is carried. */
const BUSY_SHARE = 0.5;

/** A producer for so many machines. */
const MACHINES_PER_PRODUCER = 100;

export interface Size {
  readonly machines: number;
  readonly slots: number;
  readonly itemMs: number;
  /** As few of them as keep Redis and producers below half of a core each; the most there are, if those are not enough. */
  readonly shards: number;
  readonly producers: number;
  readonly itemsPerS: number;
  readonly limit: Limit;
  /** Share of a core. */
  readonly redis: number;
  readonly producer: number;
  readonly callMs: number;
  /** Connections of each server. */
  readonly connections: number;
  readonly redisMiB: number;
  /** A tenth of the machines is lost: until what they held has run. */
  readonly recoveryMs: number;
}

export function sizeOf(costs: Costs, machines: number, work: Work): Size {
  const found = smallest(costs, machines, work);
  const { itemsPerS, limit, demand } = throughputOf(costs, found, work);
  const lost = Math.ceil(machines / 10);
  return {
    machines,
    slots: slotsOf(found),
    itemMs: work.itemMs,
    shards: found.shards,
    producers: found.producers,
    itemsPerS,
    limit,
    redis: demand.redis,
    producer: demand.producer,
    callMs: callMsOf(costs, found, work, demand, 0),
    connections: connectionsOf(costs, found),
    redisMiB: memoryOf(costs, found, work, Infinity, itemsPerS).redisMiB,
    recoveryMs: machines > 1 ? machinesLost(found, work, lost).lastItemMs : Infinity,
  };
}

/** The smallest fleet around so many machines that keeps them busy. */
function smallest(costs: Costs, machines: number, work: Work): Fleet {
  let fleet = fleetOf(machines, 1, Math.ceil(machines / MACHINES_PER_PRODUCER));
  const wanted = (1_000 * slotsOf(fleet)) / (work.itemMs + costs.gapMs);
  for (const shards of SHARDS) {
    fleet = { ...fleet, shards };
    while (demandOf(costs, fleet, work, wanted).producer > BUSY_SHARE && fleet.producers < machines) {
      fleet = { ...fleet, producers: fleet.producers + 1 };
    }
    if (demandOf(costs, fleet, work, wanted).redis <= BUSY_SHARE) break;
  }
  return fleet;
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

/** The shortest item, in ms, with which so many machines keep so many servers no more than half busy, a job each. */
export function shortestItemMs(costs: Costs, machines: number, shards: number): number {
  const fleet = fleetOf(machines, shards, machines);
  const fits = (itemMs: number): boolean => {
    const wanted = (1_000 * slotsOf(fleet)) / itemMs;
    return demandOf(costs, fleet, { itemMs, chunksize: 1 }, wanted).redis <= BUSY_SHARE;
  };
  let [low, high] = [0.01, 1e6];
  if (!fits(high)) return Infinity;
  while (high / low > 1.001) {
    const middle = Math.sqrt(low * high);
    if (fits(middle)) high = middle;
    else low = middle;
  }
  return high;
}
