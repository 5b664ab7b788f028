/** How many items a second a fleet does, and what keeps it from doing more. */

import type { Costs } from "./costs.ts";
import { demandOf } from "./demand.ts";
import type { Demand } from "./demand.ts";
import { slotsOf } from "./fleet.ts";
import type { Fleet, Work } from "./fleet.ts";

/** What breaks first. `slots`: all places for items are taken, which is as it should be. */
type Limit = "slots" | "producer" | "supervisor" | "child" | "redis" | "cores";

export interface Throughput {
  readonly itemsPerS: number;
  readonly limit: Limit;
  readonly demand: Demand;
}

/** If items are shorter than this, a machine fetches the next ones in advance, and no slot waits between two of them. */
const AHEAD_MS = 20;

/** No item is shorter: for one that does nothing, another part is the limit. */
const SHORTEST_MS = 0.001;

/** Steps of the bisection: the result is right to a millionth. */
const STEPS = 40;

export function throughputOf(costs: Costs, fleet: Fleet, work: Work): Throughput {
  const most = askedForPerS(costs, fleet, work);
  const room = (itemsPerS: number): Limit | undefined =>
    overloaded(demandOf(costs, fleet, work, itemsPerS), fleet, costs);
  if (room(most) === undefined) {
    return { itemsPerS: most, limit: "slots", demand: demandOf(costs, fleet, work, most) };
  }
  let [low, high] = [0, most];
  for (let step = 0; step < STEPS; step++) {
    const middle = (low + high) / 2;
    if (room(middle) === undefined) low = middle;
    else high = middle;
  }
  return { itemsPerS: low, limit: room(high) ?? "slots", demand: demandOf(costs, fleet, work, low) };
}

/** Items a second that the fleet's slots do, if nothing else limits. */
export function askedForPerS(costs: Costs, fleet: Fleet, work: Work): number {
  const jobMs = work.itemMs * work.chunksize;
  const gapMs = jobMs < AHEAD_MS ? 0 : costs.gapMs;
  return (1_000 * slotsOf(fleet) * work.chunksize) / Math.max(jobMs + gapMs, SHORTEST_MS);
}

/** The part that is asked for more than it has; the one that is asked for most of what it has, if there are several. */
function overloaded(
  demand: Demand,
  { redisShare, cores }: Fleet,
  { usableShare }: Pick<Costs, "usableShare">,
): Limit | undefined {
  const loads: readonly (readonly [Limit, number])[] = [
    ["producer", demand.producer],
    ["supervisor", demand.supervisor],
    ["child", demand.child],
    ["redis", demand.redis / redisShare],
    ["cores", demand.all / (cores * usableShare)],
  ];
  const [limit, load] = loads.reduce((most, one) => (one[1] > most[1] ? one : most));
  return load > 1 ? limit : undefined;
}
