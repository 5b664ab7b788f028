import { describe, expect, test } from "vitest";

import { demandOf, turnsPerS } from "../../../../bench/fleet-model/demand.ts";
import type { Costs } from "../../../../bench/fleet-model/costs.ts";
import type { Fleet } from "../../../../bench/fleet-model/fleet.ts";
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

  test("of Redis is larger for each job as soon as several producers' maps take turns", () => {
    const costs = { ...COSTS, sharedJobUs: { ...COSTS.sharedJobUs, redis: 10 } };
    const more = (producers: number): number => {
      const fleet = { ...FLEET, producers };
      return (
        demandOf(costs, fleet, ONE_BY_ONE, 10_000).redis - demandOf(COSTS, fleet, ONE_BY_ONE, 10_000).redis
      );
    };
    expect(more(1)).toBe(0);
    // Not all of 0.1, since a busier server has longer turns, which more jobs share.
    expect(more(2)).toBeGreaterThan(0.05);
    expect(more(8)).toBeGreaterThan(0.05);
    expect(more(8)).toBeLessThanOrEqual(0.1);
  });

  test("of every part is larger for each job while maps take turns", () => {
    const costs = { ...COSTS, sharedJobUs: { producer: 4, supervisor: 3, child: 2, redis: 0 } };
    const fleet = { ...FLEET, producers: 2 };
    const [alike, more] = [COSTS, costs].map((one) => demandOf(one, fleet, ONE_BY_ONE, 1_000));
    expect(2 * (more?.producer ?? 0)).toBeCloseTo(2 * (alike?.producer ?? 0) + 0.004);
    expect(more?.supervisor).toBeCloseTo((alike?.supervisor ?? 0) + 0.003);
    expect(more?.child).toBeCloseTo((alike?.child ?? 0) + 0.002);
  });

  test("of a server that is held down has a cold start in it for each time when it may run", () => {
    const costs = { ...COSTS, coldStartUs: 800 };
    const held = { ...FLEET, redisShare: 0.05, redisPauseMs: 40, shards: 2 };
    const ofStarts = (fleet: Fleet): number =>
      demandOf(costs, fleet, ONE_BY_ONE, 0).redis - demandOf(COSTS, fleet, ONE_BY_ONE, 0).redis;
    expect(ofStarts(FLEET)).toBe(0);
    // 25 starts a second, of 0.8 ms each. They are less than it shows, since a server that is awake hears of machines by the way.
    expect(ofStarts(held)).toBeCloseTo(0.02, 3);
  });

  test("of Redis for turns of maps is not due where jobs wait for a server and not in it", () => {
    const costs = { ...COSTS, sharedJobUs: { ...COSTS.sharedJobUs, redis: 10 } };
    const held = { ...FLEET, producers: 2, redisShare: 0.05, redisPauseMs: 40 };
    const ofRedis = (one: Costs): number => demandOf(one, held, ONE_BY_ONE, 1_000).redis;
    expect(ofRedis(costs)).toBe(ofRedis(COSTS));
  });

  test("of Redis for signs of life vanishes on a server that is awake all the time", () => {
    const silent = { ...COSTS, idleMachine: { supervisorUs: 2_000, redisUs: 0 } };
    const ofSigns = (itemsPerS: number): number => {
      const fleet = { ...FLEET, machines: 100 };
      return (
        demandOf(COSTS, fleet, ONE_BY_ONE, itemsPerS).redis -
        demandOf(silent, fleet, ONE_BY_ONE, itemsPerS).redis
      );
    };
    expect(ofSigns(0)).toBeGreaterThan(0.04);
    expect(ofSigns(1_000)).toBeGreaterThan(ofSigns(4_000));
    expect(ofSigns(100_000)).toBe(0);
  });
});
