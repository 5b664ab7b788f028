/**
 * Fleets over one, two and four Redis servers that are held down to a small share of a core each. On a machine with few cores
 * producers and worker machines would limit otherwise, and say nothing about servers.
 *
 * Each fleet has servers of its own, so that it costs those of the others nothing while they are measured in turns. All have
 * as many producers and machines; a machine has a process for each server, and a producer's window grows with them, so that
 * as many jobs are under way on each.
 */

import { sumOf } from "../competitors/operations.ts";
import type { RedisServer } from "./redis-server.ts";
import { RunningFleet } from "./running-fleet.ts";
import { cpuMs, RUN_MS, slowDown } from "./slow-down.ts";
import type { Stage } from "./stage.ts";

/**
 * Share of a core: with so little, four servers leave the other processes most of two cores. With twice as much, these
 * processes hold each other up, and the servers too.
 */
const SHARE = 0.03;

/**
 * Jobs of a map that may be under way on each server. With one window for all of a map, it would be sent to one server at
 * once, and to several little by little, in more scripts.
 */
const WINDOW_PER_SERVER = 500;

/** Several windows of each producer, so that the first round trips and the end are a small part. */
const ITEMS_PER_SERVER = 6_000;

export interface HeldDownRun {
  readonly itemsPerS: number;
  /** Which part the servers used of what they may, in %: near 100, they are what limits. */
  readonly busy: number;
  /** The same of the one that used least. If it is far below the others, the servers were not held down alike. */
  readonly leastBusy: number;
  /** Jobs that share a script, whatever it does: the fewer, the more a job costs the server. */
  readonly jobsAScript: number;
  /** CPU time for an item, in µs. */
  readonly redisUs: number;
  readonly producerUs: number;
  readonly supervisorUs: number;
}

/** How far the servers are held down, and who works with them. */
export interface Hold {
  readonly producers: number;
  readonly machines: number;
  /** Share of a core that each server may use. */
  readonly share: number;
}

const HOLD: Hold = { producers: 2, machines: 2, share: SHARE };

export class HeldDownServers {
  readonly #stage: Stage;
  readonly #hold: Hold;

  constructor(stage: Stage, hold: Hold = HOLD) {
    this.#stage = stage;
    this.#hold = hold;
  }

  /** What the model is to know of a fleet over so many of them. */
  of(shards: number) {
    const { producers, machines, share } = this.#hold;
    return {
      producers,
      machines,
      processes: shards,
      shards,
      redisShare: share,
      redisPauseMs: RUN_MS / share,
    };
  }

  /** A fleet over so many servers, which has done some work already. */
  async fleetOver(shards: number): Promise<RunningFleet> {
    const servers = await Promise.all(Array.from({ length: shards }, () => this.#stage.anotherRedis()));
    const window = WINDOW_PER_SERVER * shards;
    const setup = { queue: `over-${shards}`, servers, processes: shards, concurrency: 1, window };
    const fleet = await new RunningFleet(this.#stage, setup).grow(this.#hold);
    for (let warm = 0; warm < 3; warm++) await fleet.map(4_000 * shards);
    return fleet;
  }

  /** A map of each producer at the same time, while the servers are held down. */
  async measure(fleet: RunningFleet): Promise<HeldDownRun> {
    const { servers } = fleet.setup;
    const items = servers.length * this.#stage.size(ITEMS_PER_SERVER, 1_000);
    const pids = await Promise.all(servers.map((server: RedisServer) => server.pid()));
    const scripts = async (): Promise<number> => {
      const counts = await Promise.all(servers.map(async (server) => await server.scripts()));
      return sumOf(counts);
    };
    await fleet.collect();
    const [before, scriptsBefore] = [await fleet.use(), await scripts()];
    const held = pids.map((pid) => slowDown(pid, this.#hold.share));
    const usedBefore = pids.map(usedMs);
    try {
      const ms = await fleet.map(items);
      const usedOfEach = pids.map((pid, n) => usedMs(pid) - (usedBefore[n] ?? 0));
      const used = sumOf(usedOfEach);
      const [after, scriptsAfter] = [await fleet.use(), await scripts()];
      const us = (seconds: number): number => (seconds * 1e6) / items;
      return {
        itemsPerS: (1_000 * items) / ms,
        busy: (100 * used) / (this.#hold.share * ms * servers.length),
        leastBusy: (100 * Math.min(...usedOfEach)) / (this.#hold.share * ms),
        jobsAScript: items / (scriptsAfter - scriptsBefore),
        redisUs: us(used / 1_000),
        producerUs: us(after.producers.cpuSeconds - before.producers.cpuSeconds),
        supervisorUs: us(after.supervisors.cpuSeconds - before.supervisors.cpuSeconds),
      };
    } finally {
      for (const one of held) one[Symbol.dispose]();
    }
  }
}

function usedMs(pid: number): number {
  return cpuMs(pid) ?? 0;
}
