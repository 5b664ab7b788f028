/** What a job, a turn and an item cost each part, from what three kinds of work cost. */

import type { Costs, Part, PartCost } from "./costs.ts";
import { turnsPerS } from "./demand.ts";

/** CPU time and scripts while one producer and some machines of one process were at work. */
export interface Load extends Readonly<Record<Part, number>> {
  /** Scripts that Redis ran, for each job. The parts are in µs, for each job. */
  readonly scripts: number;
  readonly jobsPerS: number;
  readonly machines: number;
}

export interface Loads {
  /** Jobs of one item that come to each machine one by one, on cores that are not busy. */
  readonly slow: Load;
  /** Jobs of one item, as many as the cores carry. */
  readonly busy: Load;
  /** Jobs of many items. */
  readonly chunks: Load;
  readonly chunksize: number;
  /** One call on an idle fleet, in ms: how long a turn lasts in the slow work. */
  readonly callMs: number;
}

/**
 * Two equations for each part: a job costs `jobUs`, and its part of a turn, which it has nearly for itself in the slow work and
 * shares in the busy one. What a chunk costs beyond that is its items. `jobUs` may be below 0: a process that wakes up seldom
 * needs more for a turn than one that is busy, so that many jobs cost less than their turn does when it is cold. What a job costs
 * with its turn is always between the two that were measured.
 */
export function partsOf({
  slow,
  busy,
  chunks,
  chunksize,
  callMs,
}: Loads): Pick<Costs, "turnMs" | "mostTogether" | Part> {
  const slowTurns = turnsOf(slow, callMs);
  // Jobs that share a turn share its scripts, so their number tells how many jobs do.
  const mostTogether = Math.max(1, slow.scripts / slowTurns.redis / busy.scripts);
  const turnMs = (1_000 * (mostTogether - 1)) / busy.jobsPerS;
  // As in the model, whose turns are as long as they get where the cores are busy.
  const busyTurns = 1 / mostTogether;
  const chunkTurns = turnsOf(chunks, turnMs);
  const costOf = (part: Part): PartCost => {
    const turnUs = Math.max(0, slow[part] - busy[part]) / (slowTurns[part] - busyTurns);
    const oneItemUs = busy[part] - turnUs * busyTurns;
    const itemUs = Math.max(0, chunks[part] - oneItemUs - turnUs * chunkTurns[part]) / (chunksize - 1);
    return { jobUs: oneItemUs - itemUs, turnUs, itemUs };
  };
  return {
    turnMs,
    mostTogether,
    producer: costOf("producer"),
    supervisor: costOf("supervisor"),
    child: costOf("child"),
    redis: costOf("redis"),
  };
}

/** Turns for each job. Redis has the average of the producer's and the machines' turns. */
function turnsOf({ jobsPerS, machines }: Load, turnMs: number): Record<Part, number> {
  const turns = (processes: number): number =>
    (processes * turnsPerS(jobsPerS / processes, turnMs, Infinity)) / jobsPerS;
  const [producer, machine] = [turns(1), turns(machines)];
  return { producer, supervisor: machine, child: machine, redis: (producer + machine) / 2 };
}
