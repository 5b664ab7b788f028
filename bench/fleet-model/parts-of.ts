/** What a job, a turn and an item cost each part, from what three kinds of work cost. */

import type { Costs, PartCost } from "./costs.ts";

const PARTS = ["producer", "supervisor", "child", "redis"] as const;

/** CPU time and scripts while something went on. */
export interface Load extends Readonly<Record<(typeof PARTS)[number], number>> {
  /** Scripts that Redis ran, for each job. The parts are in µs, for each job. */
  readonly scripts: number;
  readonly jobsPerS: number;
}

export interface Loads {
  /** Jobs of one item that come one by one. */
  readonly slow: Load;
  /** Jobs of one item, as many as the cores carry. */
  readonly busy: Load;
  /** Jobs of many items. */
  readonly chunks: Load;
  readonly chunksize: number;
}

/**
 * Two equations for each part: a job costs `jobUs`, and its part of a turn, which it has nearly for itself in the slow work and
 * shares in the busy one. What a chunk costs beyond that is its items.
 */
export function partsOf({
  slow,
  busy,
  chunks,
  chunksize,
}: Loads): Pick<Costs, "turnMs" | (typeof PARTS)[number]> {
  // Jobs that share a turn share its scripts, so their number tells how many jobs do.
  const turnMs = turnMsOf(slow.scripts / busy.scripts, slow.jobsPerS, busy.jobsPerS);
  const together = ({ jobsPerS }: Load): number => 1 + (jobsPerS * turnMs) / 1_000;
  const costOf = (part: (typeof PARTS)[number]): PartCost => {
    const turnUs = Math.max(0, slow[part] - busy[part]) / (1 / together(slow) - 1 / together(busy));
    const oneItemUs = Math.max(0, busy[part] - turnUs / together(busy));
    const itemUs = Math.max(0, chunks[part] - oneItemUs - turnUs / together(chunks)) / (chunksize - 1);
    return { jobUs: oneItemUs - itemUs, turnUs, itemUs };
  };
  return {
    turnMs,
    producer: costOf("producer"),
    supervisor: costOf("supervisor"),
    child: costOf("child"),
    redis: costOf("redis"),
  };
}

/**
 * How long a turn lasts, in ms, from how many times as many jobs share one at the higher of two rates: at a rate r, 1 + r T do.
 */
function turnMsOf(together: number, slowPerS: number, busyPerS: number): number {
  return (1_000 * Math.max(0, together - 1)) / Math.max(1, busyPerS - together * slowPerS);
}
