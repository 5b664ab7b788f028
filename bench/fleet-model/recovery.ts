/** How long it takes until a fleet has got over a loss. The figures are defaults of poolmq, and not measured. */

import type { Fleet, Work } from "./fleet.ts";
import { jobsUnderWay } from "./memory.ts";

/** A worker's `lockDurationMs` and `stalledIntervalMs`: what a lost machine held is its own for the first, and found within the second. */
const LOCK_MS = 3_000;
const STALLED_MS = 1_000;

/** Producers ask a shard every 250 ms whether it is there, and go round one that owes an answer for more than three times that. */
const LOOK_MS = 250;
const LOOKS = 3;

export interface Recovery {
  /** Share of the fleet's slots that is left: its speed at once, while slots are what limits. */
  readonly shareLeft: number;
  /** Until the last of the lost items has run on another machine, in ms, in the mean. */
  readonly lastItemMs: number;
}

/** So many machines are lost at the same moment. What they held runs on those that are left, as soon as its locks expire. */
export function machinesLost(fleet: Fleet, work: Work, lost: number): Recovery {
  const left = fleet.machines - lost;
  const jobMs = work.chunksize * work.itemMs;
  // When the lost ones come back to the queue, each slot has one more item to end, half of which is left in the mean; then
  // those that are left run what was lost, in turns.
  const runMs = jobMs / 2 + Math.ceil(lost / left) * jobMs;
  return { shareLeft: left / fleet.machines, lastItemMs: LOCK_MS + STALLED_MS / 2 + runMs };
}

/**
 * One of several servers is lost: the average time in ms until the jobs that it held have run. They are its share of all
 * jobs under way, and are sent to other servers once the producer considers this one silent.
 */
export function serverLostMs(fleet: Fleet, work: Work, itemsPerS: number): number {
  const jobsPerS = itemsPerS / work.chunksize;
  const held = jobsUnderWay(fleet, jobsPerS) / fleet.shards;
  return LOOK_MS * (LOOKS + 0.5) + (1_000 * held) / jobsPerS + work.chunksize * work.itemMs;
}
