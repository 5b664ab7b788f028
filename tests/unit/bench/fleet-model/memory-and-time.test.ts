import { expect, test } from "vitest";

import { untilMadeUp } from "../../../../bench/fleet-model/cases/kill-half.ts";
import { callMsOf, mapMsOf } from "../../../../bench/fleet-model/latency.ts";
import { connectionsOf, memoryOf } from "../../../../bench/fleet-model/memory.ts";
import { machinesLost, serverLostMs } from "../../../../bench/fleet-model/recovery.ts";
import { COSTS, FLEET } from "./costs.ts";

const IDLE = { producer: 0, supervisor: 0, child: 0, redis: 0, all: 0 };
const WORK = { itemMs: 100, chunksize: 1 };

test("a call takes twice as long where Redis is busy for half of the time", () => {
  expect(callMsOf(COSTS, FLEET, WORK, IDLE, 0)).toBeCloseTo(1);
  expect(callMsOf(COSTS, FLEET, WORK, { ...IDLE, redis: 0.5 }, 0)).toBeCloseTo(2);
});

test("on two cores a call waits only while both are busy, however many machines there are", () => {
  for (const machines of [1, 8]) {
    const fleet = { ...FLEET, machines, cores: 2 };
    expect(callMsOf(COSTS, fleet, WORK, IDLE, 0)).toBeCloseTo(1);
    expect(callMsOf(COSTS, fleet, WORK, { ...IDLE, all: 1 }, 0)).toBeCloseTo(4 / 3);
  }
});

test("a call has the first place that gets free where all are taken", () => {
  const fleet = { ...FLEET, machines: 10, processes: 10 };
  expect(callMsOf(COSTS, fleet, WORK, IDLE, 1)).toBeCloseTo(2);
});

test("a map ends when its last items have run", () => {
  const fleet = { ...FLEET, machines: 10 };
  expect(mapMsOf(COSTS, fleet, WORK, 95, { itemsPerS: 99, limit: "slots" })).toBeCloseTo(1_011);
  expect(mapMsOf(COSTS, fleet, WORK, 1_000, { itemsPerS: 100, limit: "redis" })).toBeCloseTo(10_101);
});

test("a map keeps its results, a stream does not", () => {
  const million = memoryOf(COSTS, FLEET, WORK, 2 ** 20, 10);
  expect(million.producerMiB).toBeCloseTo(164);
  expect(million.streamMiB).toBeLessThan(101);
});

test("Redis holds half a second of work, whatever the size of the map", () => {
  const fleet = { ...FLEET, machines: 8, processes: 128 };
  const seen = [1e5, 1e9].map((items) => memoryOf(COSTS, fleet, WORK, items, 10_240).redisMiB);
  expect(seen[0]).toBeCloseTo(10 + 5 + 1, 0);
  expect(seen[1]).toBe(seen[0]);
});

test("servers have connections of every producer and machine", () => {
  expect(connectionsOf(COSTS, { ...FLEET, producers: 8, machines: 1_000 })).toBe(3_016);
});

test("half of the machines leave half of the speed, and their items run again once their locks have expired", () => {
  const fleet = { ...FLEET, machines: 100 };
  expect(machinesLost(fleet, { itemMs: 500, chunksize: 1 }, 50)).toEqual({
    shareLeft: 0.5,
    lastItemMs: 4_250,
  });
});

test("what a lost server held goes to the others within a second, and runs there", () => {
  const fleet = { ...FLEET, machines: 100, shards: 2 };
  // 100 run and 400 wait, half of them there: 0.875 s until it is gone round, 0.25 s for 250 items, 0.1 s for the last one.
  expect(serverLostMs(fleet, { itemMs: 100, chunksize: 1 }, 1_000)).toBeCloseTo(1_225);
});

test("what was under way at a moment has come when the last of the first ones has", () => {
  const cameAt = [1, 2, 3, 9, 4, 20];
  const indices = [0, 1, 3, 2, 4, 5];
  expect(untilMadeUp({ cameAt, indices }, 3.5, 2)).toBe(5.5);
});
