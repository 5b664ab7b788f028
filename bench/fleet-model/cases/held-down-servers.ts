/** 1, 2 and 4 servers, each held down to a share of a core, so that they are what limits. And one of two killed. */

import { setTimeout as delay } from "node:timers/promises";

import { HeldDownServers } from "../../harness/held-down-servers.ts";
import { RunningFleet } from "../../harness/running-fleet.ts";
import type { Stage } from "../../harness/stage.ts";
import type { Costs } from "../costs.ts";
import { jobsUnderWay } from "../memory.ts";
import { serverLostMs } from "../recovery.ts";
import { throughputOf } from "../throughput.ts";
import { ALONE } from "./alone.ts";
import type { Case } from "./case.ts";
import { checkResults, untilMadeUp } from "./kill-half.ts";
import { TRIVIAL } from "./many-producers.ts";
import { throughputCase } from "./throughput-case.ts";

const ROUNDS = 3;

export async function heldDownServers(stage: Stage, costs: Costs): Promise<Case[]> {
  const held = new HeldDownServers(stage);
  const cases: Case[] = [];
  for (const shards of [1, 2, 4]) {
    await using running = await held.fleetOver(shards);
    const who = `${shards} held-down ${shards === 1 ? "server" : "servers"}, items that do nothing`;
    const run = async (): Promise<number> => (await held.measure(running)).itemsPerS;
    const { itemsPerS } = throughputOf(costs, { ...ALONE, ...held.of(shards) }, TRIVIAL);
    cases.push(await throughputCase(who, stage.size(ROUNDS, 1), itemsPerS, run));
  }
  cases.push(await serverLost(stage, costs));
  return cases;
}

/** Kills one of two servers in the middle of a map. */
async function serverLost(stage: Stage, costs: Costs): Promise<Case> {
  const fleet = { ...ALONE, machines: 4, concurrency: 20, shards: 2 };
  const work = { itemMs: 100, chunksize: 1 };
  const items = 8_000;
  const servers = [await stage.anotherRedis(), await stage.anotherRedis()];
  const setup = { queue: "server-lost", servers, processes: fleet.processes, concurrency: fleet.concurrency };
  await using running = await new RunningFleet(stage, setup).grow(fleet);
  await running.map(2_000);
  const { itemsPerS } = throughputOf(costs, fleet, work);
  const map = running.times({ task: "wait", items, ms: work.itemMs, options: { chunksize: 1 } });
  // After a third of the map, the queue is as long as it gets.
  await delay((1_000 * items) / itemsPerS / 3);
  const lostAt = performance.timeOrigin + performance.now();
  await servers[1]?.kill();
  const times = await map;
  checkResults(times, items);
  const underWay = jobsUnderWay(fleet, itemsPerS);
  return {
    fleet: "1 of 2 servers killed, items of 100 ms",
    what: "until all that they held has run",
    unit: "ms",
    predicted: serverLostMs(fleet, work, itemsPerS),
    measured: untilMadeUp(times, lostAt, underWay),
  };
}
