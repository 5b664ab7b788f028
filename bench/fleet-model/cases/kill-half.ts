/** Half of a fleet's machines are killed at once, with all of their processes, in the middle of a map. */

import { setTimeout as delay } from "node:timers/promises";

import type { SideTimes } from "../../competitors/operations.ts";
import type { RunningFleet } from "../../harness/running-fleet.ts";
import type { Costs } from "../costs.ts";
import { slotsOf } from "../fleet.ts";
import type { Fleet, Work } from "../fleet.ts";
import { machinesLost } from "../recovery.ts";
import { throughputOf } from "../throughput.ts";
import type { Case } from "./case.ts";

/** Rates are counted over so many items of a slot: as long as lost machines' locks last. */
const COUNTED_TURNS = 5;
/** Items of a slot before the loss, and in the whole map. */
const TURNS_BEFORE = 8;
const TURNS = 16;

/** @throws Error if a result is lost, or comes twice */
export async function killHalf(
  running: RunningFleet,
  costs: Costs,
  fleet: Fleet,
  work: Work,
): Promise<Case[]> {
  const lost = fleet.machines / 2;
  const turnMs = work.itemMs + costs.gapMs;
  const items = TURNS * slotsOf(fleet);
  const map = running.times({ task: "wait", items, ms: work.itemMs, options: { chunksize: 1 } });
  await delay(TURNS_BEFORE * turnMs);
  const killedAt = performance.timeOrigin + performance.now();
  running.kill(lost);
  const times = await map;
  checkResults(times, items);
  const countedMs = COUNTED_TURNS * turnMs;
  const perS = (from: number): number =>
    (1_000 * times.cameAt.filter((at) => at >= from && at < from + countedMs).length) / countedMs;
  const name = `${lost} of ${fleet.machines} machines killed at once`;
  const { shareLeft, lastItemMs } = machinesLost(fleet, work, lost);
  const { itemsPerS } = throughputOf(costs, fleet, work);
  return [
    {
      fleet: name,
      what: "throughput before",
      unit: "items/s",
      predicted: itemsPerS,
      measured: perS(killedAt - countedMs),
    },
    // What the killed machines had just ended may still come.
    {
      fleet: name,
      what: "throughput after",
      unit: "items/s",
      predicted: shareLeft * itemsPerS,
      measured: perS(killedAt + 50),
    },
    {
      fleet: name,
      what: "until all that they held has run",
      unit: "ms",
      predicted: lastItemMs,
      measured: untilMadeUp(times, killedAt, slotsOf(fleet)),
    },
  ];
}

/** @throws Error that says which results are missing, or came twice */
export function checkResults({ indices }: SideTimes, items: number): void {
  const came = new Set(indices);
  if (came.size < items) throw new Error(`Expected ${items} results, got ${came.size}: the others are lost`);
  if (indices.length > items)
    throw new Error(`Expected ${items} results, got ${indices.length}: some came twice`);
}

/**
 * Time in ms from `moment` until the last result of the items that were then under way. Items are sent in their order, so
 * these are the first that had not come.
 *
 * @param underWay - how many items were in the queue or running
 */
export function untilMadeUp(
  { cameAt, indices }: Pick<SideTimes, "cameAt" | "indices">,
  moment: number,
  underWay: number,
): number {
  const first = underWay + cameAt.filter((at) => at < moment).length;
  const came = cameAt.filter((_, n) => (indices[n] ?? Infinity) < first);
  return Math.max(...came) - moment;
}
