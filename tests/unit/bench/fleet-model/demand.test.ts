import { describe, expect, test } from "vitest";

import { demandOf, turnsPerS } from "../../../../bench/fleet-model/demand.ts";
import { COSTS, FLEET } from "./costs.ts";

const ONE_BY_ONE = { itemMs: 0, chunksize: 1 };

describe("turns of a process", () => {
  test("a job that comes alone has a turn of its own", () => {
    expect(turnsPerS(1, 5, 25)).toBeCloseTo(1, 1);
  });

  test("jobs that come in the same few ms share a turn", () => {
    expect(turnsPerS(3_800, 5, 25)).toBeCloseTo(190);
  });

  test("a script has no more than so many jobs", () => {
    expect(turnsPerS(100_000, 5, 25)).toBeCloseTo(4_000);
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
    const fast = demandOf(COSTS, FLEET, ONE_BY_ONE, 20_000).redis - 0.0005;
    expect(slow / 10).toBeGreaterThan(300e-6);
    expect(fast / 20_000).toBeLessThan(35e-6);
  });

  test("of a job is shared by the items of a chunk", () => {
    const single = demandOf(COSTS, FLEET, ONE_BY_ONE, 10_000);
    const chunks = demandOf(COSTS, FLEET, { itemMs: 0, chunksize: 1_000 }, 10_000);
    expect(chunks.redis).toBeLessThan(single.redis / 20);
  });

  test("is divided among producers, machines and shards, and each of them adds turns", () => {
    const fleet = { ...FLEET, producers: 4, machines: 4 };
    const one = demandOf(COSTS, fleet, ONE_BY_ONE, 10_000);
    const four = demandOf(COSTS, { ...fleet, shards: 4 }, ONE_BY_ONE, 10_000);
    expect(four.redis).toBeLessThan(one.redis);
    expect(4 * four.redis).toBeGreaterThan(one.redis);
    expect(one.producer).toBeLessThan(demandOf(COSTS, FLEET, ONE_BY_ONE, 10_000).producer);
  });
});
