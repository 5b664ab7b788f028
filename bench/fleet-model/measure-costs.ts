/** Measures what each part costs: with items that come one by one, many at a time, and in chunks; and with nothing to do. */

import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";

import { quantile } from "d3-array";

import { RunningFleet } from "../harness/running-fleet.ts";
import type { FleetUse } from "../harness/running-fleet.ts";
import type { RedisServer } from "../harness/redis-server.ts";
import { medianOf } from "../harness/rounds.ts";
import type { Stage } from "../harness/stage.ts";
import type { Costs, MemoryCosts } from "./costs.ts";
import { partsOf } from "./parts-of.ts";
import type { Load } from "./parts-of.ts";

const IDLE_MACHINES = 8;

/** Items that come one by one: they take from 50 to 150 ms, so that hardly two of them end together. */
const SLOW_CONCURRENCY = 20;
const SLOW_ITEMS = Array.from({ length: 1_000 }, (_, i) => 50 + ((i * 37) % 101));

const CHUNKSIZE = 1_000;
const MIB = 1024 ** 2;

export async function measureCosts(stage: Stage): Promise<Costs> {
  const { idleMachine, ...idle } = await measureIdle(stage);
  const fleet = { queue: "costs", servers: [stage.redis], processes: 1 };
  await using busyFleet = await new RunningFleet(stage, { ...fleet, concurrency: 1 }).grow({
    producers: 1,
    machines: 1,
  });
  const size = stage.size(20_000, 5_000);
  for (let warm = 0; warm < 3; warm++) await busyFleet.map(size);
  const busy = await loadOf(busyFleet, 4 * size, idleMachine, async () => {
    for (let i = 0; i < 4; i++) await busyFleet.map(size);
  });
  const many = 50 * size;
  await busyFleet.map(many, { chunksize: CHUNKSIZE });
  const chunks = await loadOf(busyFleet, many / CHUNKSIZE, idleMachine, async () => {
    await busyFleet.map(many, { chunksize: CHUNKSIZE });
  });
  const gapMs = await gapOf(busyFleet);
  const memory = {
    ...idle.memory,
    jobBytes: await jobBytesOf(busyFleet, stage.redis),
    resultBytes: await resultBytesOf(busyFleet, 4 * many),
  };
  const [producer] = busyFleet.producers;
  const calls = await producer?.ask("calls", { count: stage.size(1_000, 200) });
  await using slowFleet = await new RunningFleet(stage, {
    ...fleet,
    queue: "slow",
    concurrency: SLOW_CONCURRENCY,
  }).grow({ producers: 1, machines: 1 });
  const list = SLOW_ITEMS.slice(0, stage.size(1_000, 400));
  const slow = await loadOf(slowFleet, list.length, idleMachine, async () => {
    await slowFleet.producers[0]?.map({ task: "wait", args: { list }, chunksize: 1 });
  });
  const { turnMs, ...parts } = partsOf({ slow, busy, chunks, chunksize: CHUNKSIZE });
  return {
    ...parts,
    turnMs,
    idleMachine,
    callMs: quantile((calls?.ms ?? []).slice(100), 0.5) ?? NaN,
    gapMs,
    memory,
    connections: idle.connections,
  };
}

async function loadOf(
  fleet: RunningFleet,
  jobs: number,
  idle: Costs["idleMachine"],
  work: () => Promise<void>,
): Promise<Load> {
  const [server] = fleet.setup.servers;
  const scripts = async (): Promise<number> => {
    const stats = (await server?.commands.info("commandstats")) ?? "";
    return Number(/^cmdstat_evalsha:calls=(\d+)/m.exec(stats)?.[1] ?? 0);
  };
  const [before, scriptsBefore, started] = [await fleet.use(), await scripts(), performance.now()];
  await work();
  const ms = performance.now() - started;
  const [after, scriptsAfter] = [await fleet.use(), await scripts()];
  const us = (part: (use: FleetUse) => number): number => ((part(after) - part(before)) * 1e6) / jobs;
  const idleS = (ms / 1_000 / jobs) * fleet.machines.length;
  return {
    producer: us(({ producers }) => producers.cpuSeconds),
    supervisor: us(({ supervisors }) => supervisors.cpuSeconds) - idle.supervisorUs * idleS,
    child: us(({ children }) => children.cpuSeconds),
    redis: us(({ redis }) => redis) - idle.redisUs * idleS,
    scripts: (scriptsAfter - scriptsBefore) / jobs,
    jobsPerS: (1_000 * jobs) / ms,
  };
}

/** Some machines with nothing to do. */
async function measureIdle(stage: Stage): Promise<
  Pick<Costs, "idleMachine" | "connections"> & {
    readonly memory: Omit<MemoryCosts, "jobBytes" | "resultBytes">;
  }
> {
  const { redis } = stage;
  const used = async (): Promise<number> => await redis.info("used_memory");
  const connected = async (): Promise<number> => await redis.info("connected_clients");
  await using fleet = new RunningFleet(stage, {
    queue: "idle",
    servers: [redis],
    processes: 1,
    concurrency: 1,
  });
  const [bytes, none] = [await used(), await connected()];
  await fleet.grow({ producers: 0, machines: IDLE_MACHINES });
  const seconds = stage.size(10, 3);
  // They start with more than they need later.
  await delay(2_000);
  const [bytesWithMachines, withMachines, before] = [await used(), await connected(), await fleet.use()];
  await delay(seconds * 1_000);
  const after = await fleet.use();
  await fleet.grow({ producers: 1, machines: IDLE_MACHINES });
  await fleet.map(10);
  const withProducer = await connected();
  const { producers, supervisors, children } = await fleet.use();
  const perSecond = (cpuSeconds: number): number => (cpuSeconds * 1e6) / seconds / IDLE_MACHINES;
  return {
    idleMachine: {
      supervisorUs: perSecond(after.supervisors.cpuSeconds - before.supervisors.cpuSeconds),
      redisUs: perSecond(after.redis - before.redis),
    },
    connections: {
      producer: withProducer - withMachines,
      machine: (withMachines - none) / IDLE_MACHINES,
    },
    memory: {
      producerMiB: producers.residentMiB,
      supervisorMiB: supervisors.residentMiB / IDLE_MACHINES,
      childMiB: children.residentMiB / IDLE_MACHINES,
      redisMiB: bytes / MIB,
      machineKiB: (bytesWithMachines - bytes) / 1024 / IDLE_MACHINES,
    },
  };
}

/** Between two items of one slot, in ms. A timer that fires late is part of it: the item's owner takes it for the item. */
async function gapOf(fleet: RunningFleet): Promise<number> {
  const [items, itemMs] = [100, 20];
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
