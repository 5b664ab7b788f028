/** 1 to 8 producers of items that do nothing, a job each: the cores are what limits. */

import { RunningFleet } from "../../harness/running-fleet.ts";
import type { Stage } from "../../harness/stage.ts";
import type { Costs } from "../costs.ts";
import { throughputOf } from "../throughput.ts";
import { ALONE } from "./alone.ts";
import type { Case } from "./case.ts";
import { throughputCase } from "./throughput-case.ts";

export const TRIVIAL = { itemMs: 0, chunksize: 1 };
const MACHINES = 2;
const ROUNDS = 5;
/** Maps of each producer before any of them is measured. */
const WARM_MAPS = 5;

export async function manyProducers(stage: Stage, costs: Costs): Promise<Case[]> {
  const setup = { queue: "producers", servers: [stage.redis], processes: 1, concurrency: 1 };
  const counts = stage.quick ? [1, 2] : [1, 2, 4, 8];
  const most = Math.max(...counts);
  // All of them start at once and are warmed up together, because a producer or a machine needs up to twice the CPU time in its
  // first tens of thousands of items. Those that are not asked to make a map do nothing.
  await using running = await new RunningFleet(stage, setup).grow({ producers: most, machines: MACHINES });
  const items = stage.size(24_000, 4_000);
  for (let warm = 0; warm < WARM_MAPS; warm++) await running.map((items / 2) * most);
  const cases: Case[] = [];
  for (const producers of counts) {
    const who = `${producers} ${producers === 1 ? "producer" : "producers"}, items that do nothing`;
    const run = async (): Promise<number> => (1_000 * items) / (await running.map(items, { producers }));
    const { itemsPerS } = throughputOf(costs, { ...ALONE, machines: MACHINES, producers }, TRIVIAL);
    cases.push(await throughputCase(who, stage.size(ROUNDS, 1), itemsPerS, run));
  }
  return cases;
}
