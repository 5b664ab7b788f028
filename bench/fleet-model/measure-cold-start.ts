/** Measures what a server loses each time when it may run again after it was held down. */

import { HeldDownServers } from "../harness/held-down-servers.ts";
import { medianOf } from "../harness/rounds.ts";
import type { Stage } from "../harness/stage.ts";
import { ALONE } from "./cases/alone.ts";
import { TRIVIAL } from "./cases/many-producers.ts";
import type { Costs } from "./costs.ts";
import { demandOf } from "./demand.ts";

const ROUNDS = 5;

/** Another fleet, held down by another share, than those that are predicted: the model would only repeat what it was told. */
const HOLD = { producers: 2, machines: 1, share: 0.06 };

/** @param costs - what an item costs a server that is not held down; their `coldStartUs` is not looked at */
export async function measureColdStart(stage: Stage, costs: Costs): Promise<number> {
  const held = new HeldDownServers(stage, HOLD);
  await using running = await held.fleetOver(1);
  const found: number[] = [];
  for (let round = 0; round < stage.size(ROUNDS, 1); round++)
    found.push(coldStartOf(costs, held, await held.measure(running)));
  return Math.max(0, medianOf(found));
}

/** What a server used beyond its items, for each time when it was let run. */
function coldStartOf(
  costs: Costs,
  held: HeldDownServers,
  { itemsPerS, busy }: { readonly itemsPerS: number; readonly busy: number },
): number {
  const fleet = { ...ALONE, ...held.of(1) };
  const used = (busy / 100) * fleet.redisShare;
  const { redis } = demandOf({ ...costs, coldStartUs: 0 }, fleet, TRIVIAL, itemsPerS);
  const startsPerS = 1_000 / fleet.redisPauseMs;
  return ((used - redis) * 1e6) / startsPerS;
}
