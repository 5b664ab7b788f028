/** 1 to 100 machines whose items wait, and do not compute: two cores are enough for them. And half of them killed at once. */

import { setTimeout as delay } from "node:timers/promises";

import { medianOf } from "../../harness/rounds.ts";
import { RunningFleet } from "../../harness/running-fleet.ts";
import type { Stage } from "../../harness/stage.ts";
import type { Costs } from "../costs.ts";
import { slotsOf } from "../fleet.ts";
import type { Fleet } from "../fleet.ts";
import { callMsOf } from "../latency.ts";
import { connectionsOf, memoryOf } from "../memory.ts";
import { throughputOf } from "../throughput.ts";
import { ALONE, CORES } from "./alone.ts";
import type { Case } from "./case.ts";
import { killHalf } from "./kill-half.ts";

const WORK = { itemMs: 500, chunksize: 1 };
/** Items that each slot runs, one after the other. */
const TURNS = 12;
const CALLS = 600;

export async function sleepingMachines(stage: Stage, costs: Costs): Promise<Case[]> {
  const setup = { queue: "sleeping", servers: [stage.redis], processes: 1, concurrency: 2 };
  await using running = new RunningFleet(stage, setup);
  const cases: Case[] = [];
  const connected = async (): Promise<number> => await stage.redis.info("connected_clients");
  const none = await connected();
  let fleet: Fleet = { ...ALONE, concurrency: setup.concurrency };
  for (const machines of stage.quick ? [1, 4] : [1, 10, 30, 100]) {
    await running.grow({ producers: 1, machines });
    fleet = { ...fleet, machines };
    const name = `${machines} ${machines === 1 ? "machine" : "machines"}, items of ${WORK.itemMs} ms`;
    const add = (what: string, unit: string, predicted: number, measured: number): void => {
      cases.push({ fleet: name, what, unit, predicted, measured });
    };
    await running.warmUp();
    await delay(stage.size(1_000, 500));
    const items = TURNS * slotsOf(fleet);
    const before = await running.use();
    const map = { task: "wait", items, ms: WORK.itemMs, options: { chunksize: 1 } } as const;
    const { calledAt, cameAt } = await running.times(map);
    const after = await running.use();
    const seconds = ((cameAt.at(-1) ?? NaN) - calledAt) / 1_000;
    const { itemsPerS, demand } = throughputOf(costs, fleet, WORK);
    add("throughput", "items/s", itemsPerS, items / seconds);
    const cpu = (use: typeof after): number =>
      use.producers.cpuSeconds + use.supervisors.cpuSeconds + use.children.cpuSeconds + use.redis;
    add(
      "CPU time of all, a second",
      "ms",
      1_000 * demand.all,
      (1_000 * (cpu(after) - cpu(before))) / seconds,
    );
    add("connections of Redis", "", connectionsOf(costs, fleet), (await connected()) - none);
    const { machineMiB } = memoryOf(costs, fleet, WORK, items, itemsPerS);
    add(
      "memory of all machines",
      "MiB",
      machines * machineMiB,
      after.supervisors.residentMiB + after.children.residentMiB,
    );
    const calls = await running.producers[0]?.ask("calls", { count: CALLS });
    const idle = { producer: 0, supervisor: 0, child: 0, redis: 0, all: 0 };
    const atRest = {
      ...idle,
      redis: (machines * costs.idleMachine.redisUs) / 1e6,
      all: (machines * (costs.idleMachine.redisUs + costs.idleMachine.supervisorUs)) / 1e6,
    };
    add(
      "a call while nothing else runs",
      "ms",
      callMsOf(costs, fleet, WORK, atRest, 0),
      // The first ones run through code that is not compiled yet.
      medianOf((calls?.ms ?? []).slice(CALLS / 2)),
    );
  }
  cases.push(...(await killHalf(running, costs, { ...fleet, cores: CORES }, WORK)));
  return cases;
}
