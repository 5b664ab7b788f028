/**
 * Measures what each part costs: with items that come one by one, many at a time, and in chunks; and with nothing to do. Then what maps of
 * several producers cost more, and servers that are held down.
 */

import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { setTimeout as delay } from "node:timers/promises";

import { RunningFleet } from "../harness/running-fleet.ts";
import type { RedisServer } from "../harness/redis-server.ts";
import { medianOf } from "../harness/rounds.ts";
import type { Stage } from "../harness/stage.ts";
import { SLOW_MACHINES } from "./costs.ts";
import type { Costs, MemoryCosts } from "./costs.ts";
import { loadOf } from "./load-of.ts";
import { measureColdStart } from "./measure-cold-start.ts";
import { measureShared } from "./measure-shared.ts";
import { partsOf } from "./parts-of.ts";
import type { Load } from "./parts-of.ts";

/**
 * Items that come one by one: they take from 250 to 750 ms, so that two items of a machine rarely end together, and that its
 * processes have slept before each: then a turn costs several times as much as in a loop. Several machines, so that Redis has
 * as much to do as in a fleet, which makes a turn cheaper for it.
 */
const SLOW_CONCURRENCY = 4;

/** Calls, one after the other, of which the second half counts. */
const CALLS = 600;

const CHUNKSIZE = 1_000;
const MIB = 1024 ** 2;

export async function measureCosts(stage: Stage): Promise<Costs> {
  const costs = await measureWhole(stage);
  return { ...costs, coldStartUs: await measureColdStart(stage, costs) };
}

/** All costs of servers that are not held down. */
async function measureWhole(stage: Stage): Promise<Costs> {
  const { idleMachine, connections, slow, memory } = await measureSlow(stage);
  const { busy, moreUs: sharedJobUs } = await measureShared(stage, idleMachine);
  const setup = { queue: "costs", servers: [stage.redis], processes: 1, concurrency: 1 };
  await using fleet = await new RunningFleet(stage, setup).grow({ producers: 1, machines: 1 });
  const size = stage.size(20_000, 5_000);
  await fleet.warmUp();
  const callMs = await callMsOf(fleet, stage.size(CALLS, 200));
  for (let warm = 0; warm < 3; warm++) await fleet.map(size);
  const many = 50 * size;
  await fleet.map(many, { chunksize: CHUNKSIZE });
  const chunks = await loadOf(fleet, many / CHUNKSIZE, idleMachine, () =>
    fleet.mapOnly(many, { chunksize: CHUNKSIZE }),
  );
  const { turnMs, mostTogether, ...parts } = partsOf({ slow, busy, chunks, chunksize: CHUNKSIZE, callMs });
  return {
    ...parts,
    sharedJobUs,
    coldStartUs: 0,
    turnMs,
    mostTogether,
    usableShare: (allOf(busy) * busy.jobsPerS) / 1e6 / availableParallelism(),
    idleMachine,
    waitingMap: await waitingMapOf(fleet, idleMachine),
    callMs,
    gapMs: await gapOf(fleet),
    memory: {
      ...memory,
      jobBytes: await jobBytesOf(fleet, stage.redis),
      resultBytes: await resultBytesOf(fleet, 4 * many),
    },
    connections,
  };
}

/** CPU time of all parts for each job, in µs. */
function allOf({ producer, supervisor, child, redis }: Load): number {
  return producer + supervisor + child + redis;
}

async function callMsOf(fleet: RunningFleet, count: number): Promise<number> {
  const calls = await fleet.producers[0]?.ask("calls", { count });
  // The first ones run through code that is not compiled yet.
  return medianOf((calls?.ms ?? []).slice(count / 2));
}

/** Measures some machines that are idle, and then get items, one by one. */
async function measureSlow(stage: Stage): Promise<
  Pick<Costs, "idleMachine" | "connections"> & {
    readonly slow: Load;
    readonly memory: Omit<MemoryCosts, "jobBytes" | "resultBytes">;
  }
> {
  const { redis } = stage;
  const used = async (): Promise<number> => await redis.info("used_memory");
  const connected = async (): Promise<number> => await redis.info("connected_clients");
  const setup = { queue: "slow", servers: [redis], processes: 1, concurrency: SLOW_CONCURRENCY };
  await using fleet = new RunningFleet(stage, setup);
  const [bytes, none] = [await used(), await connected()];
  await fleet.grow({ producers: 0, machines: SLOW_MACHINES });
  // They start with more than they need later.
  await delay(2_000);
  const [bytesWithMachines, withMachines] = [await used(), await connected()];
  await fleet.grow({ producers: 1, machines: SLOW_MACHINES });
  await fleet.warmUp();
  // A producer connects with its first map.
  const withProducer = await connected();
  await delay(1_000);
  const seconds = stage.size(10, 3);
  const before = await fleet.use();
  await delay(seconds * 1_000);
  const after = await fleet.use();
  const perSecond = (cpuSeconds: number): number => (cpuSeconds * 1e6) / seconds / SLOW_MACHINES;
  const idleMachine = {
    supervisorUs: perSecond(after.supervisors.cpuSeconds - before.supervisors.cpuSeconds),
    redisUs: perSecond(after.redis - before.redis),
  };
  const list = Array.from({ length: stage.size(800, 200) }, (_, i) => 250 + ((i * 185) % 501));
  const slow = await loadOf(fleet, list.length, idleMachine, async () => {
    await fleet.producers[0]?.map({ task: "wait", chunksize: 1, args: { list } });
  });
  const { producers, supervisors, children } = await fleet.use();
  return {
    idleMachine,
    slow,
    connections: { producer: withProducer - withMachines, machine: (withMachines - none) / SLOW_MACHINES },
    memory: {
      producerMiB: producers.residentMiB,
      supervisorMiB: supervisors.residentMiB / SLOW_MACHINES,
      childMiB: children.residentMiB / SLOW_MACHINES,
      redisMiB: bytes / MIB,
      machineKiB: (bytesWithMachines - bytes) / 1024 / SLOW_MACHINES,
    },
  };
}

/** A map of one long item: what its producer and Redis do for it meanwhile. */
async function waitingMapOf(fleet: RunningFleet, idle: Costs["idleMachine"]): Promise<Costs["waitingMap"]> {
  const seconds = 5;
  const before = await fleet.use();
  await fleet.times({ task: "wait", items: 1, ms: 1_000 * seconds });
  const after = await fleet.use();
  const perSecond = (cpuSeconds: number): number => (cpuSeconds * 1e6) / seconds;
  return {
    producerUs: perSecond(after.producers.cpuSeconds - before.producers.cpuSeconds),
    redisUs: Math.max(0, perSecond(after.redis - before.redis) - idle.redisUs),
  };
}

/** Between two items of one slot, in ms. A timer that fires late is part of it: the item's owner takes it for the item. */
async function gapOf(fleet: RunningFleet): Promise<number> {
  const [items, itemMs] = [40, 50];
  const gaps: number[] = [];
  for (let round = 0; round < 3; round++) {
    const { calledAt, cameAt } = await fleet.times({
      task: "wait",
      items,
      ms: itemMs,
      options: { chunksize: 1 },
    });
    gaps.push(((cameAt.at(-1) ?? NaN) - calledAt) / items - itemMs);
  }
  return medianOf(gaps);
}

/** While its machine is frozen, what a producer sends stays in Redis. */
async function jobBytesOf(fleet: RunningFleet, redis: RedisServer): Promise<number> {
  const items = 5_000;
  const [machine] = fleet.machines;
  if (machine === undefined) throw new Error("unreachable: the fleet has a machine");
  const jobs = async (): Promise<number> => await redis.commands.llen(`poolmq:{${fleet.setup.queue}}:wait`);
  // Redis frees what is left of the map before it.
  await delay(1_000);
  const before = await redis.info("used_memory");
  process.kill(machine.pid, "SIGSTOP");
  try {
    const map = fleet.map(items);
    await delay(1_000);
    const [waiting, after] = [await jobs(), await redis.info("used_memory")];
    process.kill(machine.pid, "SIGCONT");
    await map;
    return (after - before) / waiting;
  } finally {
    process.kill(machine.pid, "SIGCONT");
  }
}

/** From the highest resident set that the producer ever had, before and after a map that is larger than any before. */
async function resultBytesOf(fleet: RunningFleet, items: number): Promise<number> {
  const highest = (): number => {
    const status = readFileSync(`/proc/${fleet.producers[0]?.pid ?? 0}/status`, "utf8");
    return Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1]) * 1024;
  };
  const before = highest();
  await fleet.map(items, { chunksize: CHUNKSIZE });
  return (highest() - before) / items;
}
