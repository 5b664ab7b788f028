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

export async function manyProducers(stage: Stage, costs: Costs): Promise<Case[]> {
  const setup = { queue: "producers", servers: [stage.redis], processes: 1, concurrency: 1 };
  await using running = new RunningFleet(stage, setup);
  const cases: Case[] = [];
  const items = stage.size(24_000, 4_000);
  for (const producers of stage.quick ? [1, 2] : [1, 2, 4, 8]) {
    await running.grow({ producers, machines: MACHINES });
    // Each producer gets as many items as the first one did: in its first thousands, a producer needs up to twice the CPU time.
    for (let warm = 0; warm < 3; warm++) await running.map((items / 2) * producers);
    const who = `${producers} ${producers === 1 ? "producer" : "producers"}, items that do nothing`;
    const run = async (): Promise<number> => (1_000 * items) / (await running.map(items));
    const { itemsPerS } = throughputOf(costs, { ...ALONE, machines: MACHINES, producers }, TRIVIAL);
    cases.push(await throughputCase(who, stage.size(ROUNDS, 1), itemsPerS, run));
  }
  return cases;
}
