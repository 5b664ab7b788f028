import { expect, test } from "vitest";

import { throughputOf } from "../../../../bench/fleet-model/throughput.ts";
import { COSTS, FLEET } from "./costs.ts";

const SLEEPING = { itemMs: 99, chunksize: 1 };
const TRIVIAL = { itemMs: 0.01, chunksize: 1 };

test("long items are limited by the fleet's places, each of which is empty for a moment between two items", () => {
  const { itemsPerS, limit } = throughputOf(COSTS, { ...FLEET, machines: 10, processes: 4 }, SLEEPING);
  expect(limit).toBe("slots");
  expect(itemsPerS).toBeCloseTo(400);
});

test("short items on many machines are limited by Redis, and twice as many servers carry nearly twice as many", () => {
  const fleet = { ...FLEET, producers: 16, machines: 64, concurrency: 64 };
  const one = throughputOf(COSTS, fleet, TRIVIAL);
  const two = throughputOf(COSTS, { ...fleet, shards: 2 }, TRIVIAL);
  expect([one.limit, two.limit]).toEqual(["redis", "redis"]);
  expect(one.demand.redis).toBeCloseTo(1, 3);
  expect(two.itemsPerS / one.itemsPerS).toBeCloseTo(2, 1);
});

test("a server that is held down to a share of a core carries that share", () => {
  const fleet = { ...FLEET, producers: 4, machines: 4, concurrency: 64 };
  const whole = throughputOf(COSTS, fleet, TRIVIAL);
  const held = throughputOf(COSTS, { ...fleet, redisShare: 0.05, redisPauseMs: 40 }, TRIVIAL);
  expect(held.limit).toBe("redis");
  expect(held.itemsPerS / whole.itemsPerS).toBeCloseTo(0.05, 1);
});

test("a server that is held down carries less by what its cold starts take from its share", () => {
  const held = { ...FLEET, producers: 4, machines: 4, concurrency: 64, redisShare: 0.05, redisPauseMs: 40 };
  const warm = throughputOf(COSTS, held, TRIVIAL);
  const cold = throughputOf({ ...COSTS, coldStartUs: 500 }, held, TRIVIAL);
  // It runs for 2 ms at a time, and loses a quarter of them.
  expect(cold.itemsPerS / warm.itemsPerS).toBeCloseTo(0.75, 1);
});

test("one producer is what limits before Redis does, if its jobs cost it more", () => {
  const costs = { ...COSTS, producer: { ...COSTS.producer, jobUs: 200 } };
  expect(throughputOf(costs, { ...FLEET, machines: 64, concurrency: 64 }, TRIVIAL).limit).toBe("producer");
});

test("on a machine that all share, its cores are what limits, as far as they can be used", () => {
  const { limit, demand } = throughputOf(COSTS, { ...FLEET, concurrency: 64, cores: 2 }, TRIVIAL);
  expect(limit).toBe("cores");
  expect(demand.all).toBeCloseTo(1.6, 3);
});
