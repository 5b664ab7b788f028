/**
 * Which faults a soak injects, and when: made from its seed alone, so that the same seed gives the same plan. What the
 * faults meet depends on how fast everything is.
 *
 * Faults of one lane come one after the other, as one Redis can only be down once; those of different lanes overlap.
 */

import { seededRandom } from "../../../tests/support/random.ts";

export type FaultKind =
  // What runs the items.
  | "child killed"
  | "machine killed"
  | "machine frozen"
  | "machine replaced (SIGTERM)"
  // What asks for them.
  | "durable producer killed"
  | "plain producer killed"
  // What is between them.
  | "Redis killed, restarted with its AOF"
  | "Redis away"
  | "Redis restarted without data"
  | "FLUSHALL"
  | "CLIENT PAUSE"
  | "DEBUG SLEEP"
  | "maxmemory reached"
  | "primary demoted, promoted"
  | "corrupt job"
  | "job with corrupt options"
  | "corrupt outcome"
  | "foreign entry"
  // How they reach it.
  | "connections cut"
  | "delay and jitter"
  | "reply lost"
  | "LOADING reply"
  | "links half-open";

export interface PlannedFault {
  /** After the start, in ms. */
  readonly atMs: number;
  readonly kind: FaultKind;
  /** How long it lasts, in ms, if it lasts. */
  readonly forMs: number;
  /** Picks the victim: from 0 to 1. */
  readonly pick: number;
}

interface Lane {
  /** Mean time from one fault to the next, in ms. */
  readonly everyMs: number;
  readonly kinds: readonly {
    readonly kind: FaultKind;
    /** How often, against the others of the lane. */
    readonly weight: number;
    readonly forMs?: readonly [min: number, max: number];
  }[];
}

const LANES: readonly Lane[] = [
  {
    everyMs: 2_500,
    kinds: [
      { kind: "child killed", weight: 5 },
      { kind: "machine killed", weight: 2 },
      { kind: "machine frozen", weight: 2, forMs: [500, 2_500] },
      { kind: "machine replaced (SIGTERM)", weight: 2 },
    ],
  },
  {
    everyMs: 6_000,
    kinds: [
      { kind: "durable producer killed", weight: 3 },
      { kind: "plain producer killed", weight: 1 },
    ],
  },
  {
    everyMs: 7_000,
    kinds: [
      { kind: "Redis killed, restarted with its AOF", weight: 3 },
      { kind: "Redis away", weight: 1, forMs: [1_000, 5_000] },
      { kind: "Redis restarted without data", weight: 1 },
      { kind: "FLUSHALL", weight: 2 },
      { kind: "CLIENT PAUSE", weight: 2, forMs: [300, 2_000] },
      { kind: "DEBUG SLEEP", weight: 1, forMs: [300, 1_500] },
      { kind: "maxmemory reached", weight: 2, forMs: [300, 2_000] },
      { kind: "primary demoted, promoted", weight: 1, forMs: [300, 1_500] },
    ],
  },
  {
    everyMs: 4_000,
    kinds: [
      { kind: "corrupt job", weight: 2 },
      { kind: "job with corrupt options", weight: 1 },
      { kind: "corrupt outcome", weight: 2 },
      { kind: "foreign entry", weight: 2 },
    ],
  },
  {
    everyMs: 4_000,
    kinds: [
      { kind: "connections cut", weight: 3 },
      { kind: "delay and jitter", weight: 2, forMs: [500, 3_000] },
      { kind: "reply lost", weight: 3 },
      { kind: "LOADING reply", weight: 2 },
      { kind: "links half-open", weight: 0.3 },
    ],
  },
];

/** Gives the faults lane by lane, each in the order in which they come. */
export function planFaults(seed: number, durationMs: number): readonly (readonly PlannedFault[])[] {
  return LANES.map((lane, number) => planLane(lane, seededRandom(seed + number * 0x1_0001), durationMs));
}

function planLane({ everyMs, kinds }: Lane, random: () => number, durationMs: number): PlannedFault[] {
  const total = kinds.reduce((sum, { weight }) => sum + weight, 0);
  const planned: PlannedFault[] = [];
  for (let atMs = random() * everyMs; atMs < durationMs; atMs += everyMs * (0.4 + 1.2 * random())) {
    let left = random() * total;
    const chosen = kinds.find(({ weight }) => (left -= weight) < 0) ?? kinds[0];
    if (chosen === undefined) break;
    const [min, max] = chosen.forMs ?? [0, 0];
    const forMs = Math.round(min + (max - min) * random());
    planned.push({ atMs: Math.round(atMs), kind: chosen.kind, forMs, pick: random() });
  }
  return planned;
}
