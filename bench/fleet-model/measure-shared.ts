/** Measures what a job costs while cores are busy, and how much more while maps of several producers take turns. */

import { RunningFleet } from "../harness/running-fleet.ts";
import { medianOf } from "../harness/rounds.ts";
import type { Stage } from "../harness/stage.ts";
import type { Costs, Part } from "./costs.ts";
import { loadOf, medianLoad } from "./load-of.ts";
import type { Load } from "./parts-of.ts";

/** Pairs of runs, of which the median counts: one run differs from the next by as much as is looked for. */
const ROUNDS = 7;

/**
 * No case that is predicted, and enough of both: with one machine, jobs of several maps seldom wait at the same time, and taking
 * turns then costs Redis a third of what it costs otherwise.
 */
const FLEET = { producers: 3, machines: 3 };

export interface Shared {
  /** Maps of one producer, while nothing else was under way: the median. */
  readonly busy: Load;
  /** What a job costs each part more if it is of one of three maps that are under way. */
  readonly moreUs: Costs["sharedJobUs"];
}

export async function measureShared(stage: Stage, idle: Costs["idleMachine"]): Promise<Shared> {
  const setup = { queue: "shared", servers: [stage.redis], processes: 1, concurrency: 1 };
  await using fleet = await new RunningFleet(stage, setup).grow(FLEET);
  const [first] = fleet.producers;
  if (first === undefined) throw new Error("unreachable: the fleet has producers");
  const items = stage.size(30_000, 6_000);
  const alone = (): Promise<number> => first.map({ task: "increment", args: { range: items }, chunksize: 1 });
  const shared = (): Promise<number> => fleet.mapOnly(items);
  // Each producer has the code compiled that it runs through.
  for (let warm = 0; warm < 8; warm++) await fleet.map(items);
  await alone();
  const pairs: { readonly alone: Load; readonly shared: Load }[] = [];
  for (let round = 0; round < ROUNDS; round++)
    pairs.push({
      alone: await loadOf(fleet, items, idle, alone),
      shared: await loadOf(fleet, items, idle, shared),
    });
  const more = (part: Part): number =>
    Math.max(0, medianOf(pairs.map((pair) => pair.shared[part] - pair.alone[part])));
  return {
    busy: medianLoad(pairs.map(({ alone: load }) => load)),
    moreUs: {
      producer: more("producer"),
      supervisor: more("supervisor"),
      child: more("child"),
      redis: more("redis"),
    },
  };
}
