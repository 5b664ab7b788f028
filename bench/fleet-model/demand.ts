/** How busy each part is while so many items a second go through the fleet. */

import type { Costs, Part } from "./costs.ts";
import type { Fleet, Work } from "./fleet.ts";

/** CPU time of one process of each kind, in cores: 1 is all that a process of one thread can use. */
export interface Demand {
  readonly producer: number;
  readonly supervisor: number;
  readonly child: number;
  readonly redis: number;
  /** All processes together. */
  readonly all: number;
}

/** Steps of the bisection: the result is right to a millionth. */
const STEPS = 20;

/**
 * Turns a second of a process to which `jobsPerS` jobs come a second. The first job opens a turn, and those that come in the
 * next `turnMs` share it, up to `most`: alone, each job has a turn of its own; a thousand a second come in a few hundred turns.
 */
export function turnsPerS(jobsPerS: number, turnMs: number, most: number): number {
  return Math.max(jobsPerS / (1 + (jobsPerS * turnMs) / 1_000), jobsPerS / most);
}

export function demandOf(costs: Costs, fleet: Fleet, work: Work, itemsPerS: number): Demand {
  // While Redis or the cores are busy, processes wait, and more jobs share their next turn: the busier they are, the less a
  // job costs. So the load depends on itself. A bisection finds the load that results in the same load.
  const loadAt = (busy: number): number => {
    const { redis, all } = demandAt(costs, fleet, work, itemsPerS, busy);
    return Math.max(redis / fleet.redisShare, all / (fleet.cores * costs.usableShare));
  };
  let [low, high] = [0, 1];
  for (let step = 0; step < STEPS; step++) {
    const busy = (low + high) / 2;
    if (loadAt(busy) > busy) low = busy;
    else high = busy;
  }
  return demandAt(costs, fleet, work, itemsPerS, high);
}

/**
 * What servers need for that which comes by the clock, such as signs of life. Nearly all of its cost is waking up, so it is only
 * due in the time in which a server sleeps: one that is awake takes it along with other commands.
 *
 * @param asleep - what it costs servers that have nothing else to do
 * @param busy - what they need otherwise
 * @param most - what they may use
 */
function clockwork(asleep: number, busy: number, most: number): number {
  return (asleep * Math.max(0, most - busy)) / (most + asleep);
}

/** Share of a core that a server which is held down needs for its caches, each time when it may run again. */
function coldStarts({ coldStartUs }: Costs, { redisPauseMs }: Fleet): number {
  return redisPauseMs === 0 ? 0 : coldStartUs / 1e3 / redisPauseMs;
}

/**
 * Whether jobs of several maps wait in Redis at the same time, so that it has to choose. Jobs wait for a server that is held down
 * before they are in it; so there is seldom anything to choose from, and what it costs is measured as part of its cold starts.
 */
function takesTurns(part: Part, { producers, redisPauseMs }: Fleet): boolean {
  return producers > 1 && !(part === "redis" && redisPauseMs > 0);
}

/** @param busy - share of the time in which Redis, or all cores, are busy */
function demandAt(costs: Costs, fleet: Fleet, work: Work, itemsPerS: number, busy: number): Demand {
  const { producers, machines, shards } = fleet;
  const jobsPerS = itemsPerS / work.chunksize;
  const children = machines * fleet.processes;
  // On cores that all parts share, processes also wait for each other.
  const onSharedCores = fleet.cores === Infinity ? 0 : costs.turnMs;
  const turnMs = Math.max(costs.callMs / (1 - Math.min(busy, 0.999)), onSharedCores) + fleet.redisPauseMs;
  const turns = (processes: number): number =>
    processes * turnsPerS(jobsPerS / processes, turnMs, costs.mostTogether);
  const used = (part: Part, turnsOfAll: number): number => {
    const { itemUs, jobUs, turnUs } = costs[part];
    const ofJob = jobUs + (takesTurns(part, fleet) ? costs.sharedJobUs[part] : 0);
    return (itemsPerS * itemUs + jobsPerS * ofJob + turnsOfAll * turnUs) / 1e6;
  };
  // Each producer has a map under way.
  const producer = used("producer", turns(producers)) + (producers * costs.waitingMap.producerUs) / 1e6;
  const supervisor = used("supervisor", turns(machines)) + (machines * costs.idleMachine.supervisorUs) / 1e6;
  const child = used("child", turns(children));
  // A producer and a machine have connections to each shard: one turn of theirs is a turn of each shard that has something for
  // them. Each shard also hears of each machine.
  const redisTurns = (turns(producers * shards) + turns(machines * shards)) / 2;
  const idleUs = shards * (machines * costs.idleMachine.redisUs + producers * costs.waitingMap.redisUs);
  const forJobs = used("redis", redisTurns) + shards * coldStarts(costs, fleet);
  const redis = forJobs + clockwork(idleUs / 1e6, forJobs, shards * fleet.redisShare);
  return {
    producer: producer / producers,
    supervisor: supervisor / machines,
    child: child / children,
    redis: redis / shards,
    all: producer + supervisor + child + redis,
  };
}
