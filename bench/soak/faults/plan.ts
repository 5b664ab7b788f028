/**
 * Which faults a soak injects, and when: made from its seed alone, so that the same seed gives the same plan. What the
 * faults hit depends on timing.
 *
 * Faults of one lane come one after the other, as one Redis can only be down once; those of different lanes overlap.
 */

import { seededRandom } from "../../../tests/support/random.ts";
import type { Fault, How, Lane } from "./fault.ts";
import { OF_DATA, OF_KEYS } from "./of-data.ts";
import { OF_MACHINES } from "./of-machines.ts";
import { OF_MEMORY_POOLS } from "./of-memory-pools.ts";
import { OF_NETWORK } from "./of-network.ts";
import { OF_PRODUCERS } from "./of-producers.ts";
import { OF_CLIENTS, OF_REDIS } from "./of-redis.ts";
import { OF_SETTINGS } from "./of-settings.ts";

/** A lane's number is part of the seed of its faults: new lanes go to the end. */
const LANES: readonly Lane[] = [
  OF_MACHINES,
  OF_PRODUCERS,
  OF_REDIS,
  OF_DATA,
  OF_NETWORK,
  OF_KEYS,
  OF_CLIENTS,
  OF_MEMORY_POOLS,
  OF_SETTINGS,
];

interface PlannedFault extends How {
  /** After the start, in ms. */
  readonly atMs: number;
  readonly fault: Fault;
}

/** The faults of one lane, in the order in which they come. */
export interface PlannedLane {
  readonly lane: Lane;
  readonly faults: readonly PlannedFault[];
}

export function planFaults(seed: number, durationMs: number): readonly PlannedLane[] {
  return LANES.map((lane, number) => ({
    lane,
    faults: planLane(lane, seededRandom(seed + number * 0x1_0001), durationMs),
  }));
}

function planLane({ everyMs, faults }: Lane, random: () => number, durationMs: number): PlannedFault[] {
  const total = faults.reduce((sum, { weight }) => sum + weight, 0);
  const planned: PlannedFault[] = [];
  for (let atMs = random() * everyMs; atMs < durationMs; atMs += everyMs * (0.4 + 1.2 * random())) {
    let left = random() * total;
    const fault = faults.find(({ weight }) => (left -= weight) < 0) ?? faults[0];
    if (fault === undefined) break;
    const [min, max] = fault.forMs ?? [0, 0];
    const forMs = Math.round(min + (max - min) * random());
    planned.push({ atMs: Math.round(atMs), fault, forMs, pick: random() });
  }
  return planned;
}
