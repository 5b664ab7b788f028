/** What the processes of a fleet hold, in MiB. */

import type { Costs } from "./costs.ts";
import { slotsOf } from "./fleet.ts";
import type { Fleet, Work } from "./fleet.ts";

const MIB = 1024 * 1024;

/** Of a map, what the fleet does in so many seconds waits in Redis, as `work-window.ts` of the producer has it. */
const WAITING_S = 0.4;

export interface Memory {
  /** One producer, with the results of a `map` of so many items. */
  readonly producerMiB: number;
  /** One producer that reads the same from `imap`, which keeps no results. */
  readonly streamMiB: number;
  /** One machine: its supervisor and the processes that run tasks, without what the tasks themselves need. */
  readonly machineMiB: number;
  /** One server. */
  readonly redisMiB: number;
}

export function memoryOf(costs: Costs, fleet: Fleet, work: Work, items: number, itemsPerS: number): Memory {
  const { memory } = costs;
  const jobs = Math.min(items, jobsUnderWay(fleet, itemsPerS) * work.chunksize) / work.chunksize;
  const jobsMiB = (jobs * memory.jobBytes) / MIB;
  return {
    producerMiB: memory.producerMiB + (items / fleet.producers) * (memory.resultBytes / MIB),
    streamMiB: memory.producerMiB + jobsMiB / fleet.producers,
    machineMiB: memory.supervisorMiB + fleet.processes * memory.childMiB,
    redisMiB: memory.redisMiB + jobsMiB / fleet.shards + (fleet.machines * memory.machineKiB) / 1024,
  };
}

/** Jobs that run, and those that wait so that no slot runs dry. */
export function jobsUnderWay(fleet: Fleet, jobsPerS: number): number {
  return slotsOf(fleet) + Math.max(slotsOf(fleet), WAITING_S * jobsPerS);
}

/** Connections of one server. */
export function connectionsOf(costs: Costs, { producers, machines }: Fleet): number {
  return producers * costs.connections.producer + machines * costs.connections.machine;
}
