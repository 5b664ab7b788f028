/** How long one call waits for its result. */

import type { Costs } from "./costs.ts";
import type { Demand } from "./demand.ts";
import { slotsOf } from "./fleet.ts";
import type { Fleet, Work } from "./fleet.ts";
import type { Throughput } from "./throughput.ts";

/** A part that is busy for this share of the time makes who comes to it wait ten times as long as it works. */
const BUSIEST = 0.9;

/**
 * A call of a task that does nothing, in ms, while a fleet is as busy as `demand` says. Each step of it queues where something
 * is busy for a share of the time: at Redis, it takes 1 / (1 - share) times as long as on an idle one. On a computer of n
 * cores, it waits only while all of them are busy: 1 / (1 - share ** n), which is exact for one and for two cores.
 *
 * @param share - the part of the fleet's slots that run something
 */
export function callMsOf(costs: Costs, fleet: Fleet, work: Work, demand: Demand, share: number): number {
  const ofCores = Math.min(1, demand.all / fleet.cores) ** fleet.cores;
  const busiest = Math.min(BUSIEST, Math.max(demand.redis / fleet.redisShare, ofCores));
  // Where all slots are taken, the call has the next turn: it waits until the first of them is free.
  const slotMs = share < 1 ? 0 : work.itemMs / slotsOf(fleet);
  return costs.callMs / (1 - busiest) + slotMs;
}

/**
 * A whole map, in ms. Where slots are what limits, they run their items in turns of the same length; otherwise the map goes at
 * the fleet's speed, and its last items run to their end when nothing else is left.
 */
export function mapMsOf(
  costs: Costs,
  fleet: Fleet,
  work: Work,
  items: number,
  { itemsPerS, limit }: Pick<Throughput, "itemsPerS" | "limit">,
): number {
  const jobMs = work.chunksize * work.itemMs;
  if (limit !== "slots") return costs.callMs + jobMs + (1_000 * items) / itemsPerS;
  return costs.callMs + Math.ceil(items / slotsOf(fleet) / work.chunksize) * (jobMs + costs.gapMs);
}
