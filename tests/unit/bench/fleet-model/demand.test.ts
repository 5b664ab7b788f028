import { describe, expect, test } from "vitest";

import { demandOf, turnsPerS } from "../../../../bench/fleet-model/demand.ts";
import { COSTS, FLEET } from "./costs.ts";

const ONE_BY_ONE = { itemMs: 0, chunksize: 1 };

describe("turns of a process", () => {
  test("a job that comes alone has a turn of its own", () => {
    expect(turnsPerS(1, 5)).toBeCloseTo(1, 1);
  });

  test("jobs that come in the same few ms share a turn", () => {
    expect(turnsPerS(100_000, 5)).toBeCloseTo(200, 0);
  });
});

describe("demand", () => {
  test("is that of idle machines if there is nothing to do", () => {
    const { supervisor, redis, all } = demandOf(COSTS, { ...FLEET, machines: 100 }, ONE_BY_ONE, 0);
    expect(supervisor).toBeCloseTo(0.002);
    expect(redis).toBeCloseTo(0.05);
    expect(all).toBeCloseTo(0.25);
  });

  test("of an item is smaller where many come at a time", () => {
    const slow = demandOf(COSTS, FLEET, ONE_BY_ONE, 10).redis - 0.0005;
    const fast = demandOf(COSTS, FLEET, ONE_BY_ONE, 10_000).redis - 0.0005;
    expect(slow / 10).toBeGreaterThan(300e-6);
    expect(fast / 10_000).toBeLessThan(27e-6);
  });

  test("of a job is shared by the items of a chunk", () => {
    const single = demandOf(COSTS, FLEET, ONE_BY_ONE, 10_000);
    const chunks = demandOf(COSTS, FLEET, { itemMs: 0, chunksize: 1_000 }, 10_000);
    expect(chunks.redis).toBeLessThan(single.redis / 20);
  });

  test("is divided among producers, machines and shards, and each of them adds turns", () => {
    const one = demandOf(COSTS, FLEET, ONE_BY_ONE, 10_000);
    const four = demandOf(COSTS, { ...FLEET, producers: 4, machines: 4, shards: 4 }, ONE_BY_ONE, 10_000);
    expect(four.producer).toBeLessThan(one.producer / 2);
    expect(four.redis).toBeLessThan(one.redis);
    expect(four.all).toBeGreaterThan(one.all);
  });
});
