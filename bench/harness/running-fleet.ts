/** Producers and worker machines of one queue over some servers, each a process of its own. */

import type { Operations, SideMap, SideTimes } from "../competitors/operations.ts";
import type { Competitor } from "./competitor.ts";
import { sumOf, useOf } from "./process-tree.ts";
import type { Use } from "./process-tree.ts";
import type { RedisServer } from "./redis-server.ts";
import type { Stage } from "./stage.ts";

/** So many machines start at the same time: each takes most of a second of CPU time for it. */
const STARTED_TOGETHER = 8;

/** Items for each process of a machine until most of the code that they run through is compiled, in it and its supervisor. */
const WARM_ITEMS = 250;

/** They are too long to be fetched in advance, so that they come one by one. */
const WARM_MS = 25;

export interface FleetSetup {
  readonly queue: string;
  readonly servers: readonly RedisServer[];
  /** Processes of a machine. */
  readonly processes: number;
  readonly concurrency: number;
  /** How many jobs of a map may be under way. @defaultValue the pool's */
  readonly window?: number;
}

interface MapOptions {
  readonly chunksize?: number;
  readonly times?: number;
  /** So many of its producers take part. @defaultValue all */
  readonly producers?: number;
}

export interface FleetUse {
  readonly producers: Use;
  readonly supervisors: Use;
  readonly children: Use;
  /** CPU time of all servers, in seconds. */
  readonly redis: number;
}

export class RunningFleet implements AsyncDisposable {
  readonly setup: FleetSetup;
  readonly #stage: Stage;
  readonly producers: Competitor[] = [];
  readonly machines: Competitor[] = [];

  constructor(stage: Stage, setup: FleetSetup) {
    this.#stage = stage;
    this.setup = setup;
  }

  /** Starts producers and machines until there are so many. */
  async grow({ producers, machines }: { producers: number; machines: number }): Promise<this> {
    const { servers, ...others } = this.setup;
    const setup = { redis: servers.map(({ url }) => url).join(","), ...others };
    const add = async (
      to: Competitor[],
      program: "poolmqMachine" | "poolmqProducer",
      most: number,
    ): Promise<void> => {
      while (to.length < most) {
        const more = Math.min(STARTED_TOGETHER, most - to.length);
        to.push(...(await Promise.all(Array.from({ length: more }, () => this.#stage.need(program, setup)))));
      }
    };
    await add(this.machines, "poolmqMachine", machines);
    await add(this.producers, "poolmqProducer", producers);
    return this;
  }

  /**
   * Lets each process run some items, one by one. The first ones run through code that is not compiled yet: a fleet that has
   * just started uses up to twice as much CPU time for an item, and for its heartbeats, as later. All fleets are equally warm,
   * whatever their concurrency, since what they need is compared.
   */
  async warmUp(): Promise<void> {
    const items = WARM_ITEMS * this.machines.length * this.setup.processes;
    const list = Array.from({ length: items }, () => WARM_MS);
    await this.producers[0]?.map({ task: "wait", args: { list }, chunksize: 1 });
  }

  /** Lets the producers collect their garbage now, so that the next map neither waits for that nor pays for it. */
  async collect(): Promise<void> {
    await Promise.all(this.producers.map((producer) => producer.ask("collect", {})));
  }

  /** Producers make one map each, all at the same time, with so many items in all. Gives how long the longest took, in ms. */
  async map(items: number, options: MapOptions = {}): Promise<number> {
    await this.collect();
    return await this.mapOnly(items, options);
  }

  /** The same with the garbage of the maps before: for those who collected it, and count what maps alone need. */
  async mapOnly(items: number, { producers, ...options }: MapOptions = {}): Promise<number> {
    const who = this.producers.slice(0, producers);
    const request: Operations["map"]["request"] = {
      task: "increment",
      args: { range: Math.ceil(items / who.length) },
      chunksize: 1,
      ...options,
    };
    return Math.max(...(await Promise.all(who.map((producer) => producer.map(request)))));
  }

  /** One map of the first producer: when each of its results came. */
  async times(map: SideMap, forMs = 120_000): Promise<SideTimes> {
    const [first] = this.producers;
    const [times] = (await first?.ask("sideBySide", { maps: [map], forMs }))?.maps ?? [];
    if (times === undefined) throw new Error("unreachable: the fleet has a producer");
    return times;
  }

  /** What its processes used so far, and the servers. */
  async use(): Promise<FleetUse> {
    const machines = useOf(this.machines.map(({ pid }) => pid));
    const producers = useOf(this.producers.map(({ pid }) => pid));
    const redis = await Promise.all(this.setup.servers.map((server) => server.cpuSeconds()));
    return {
      producers: sumOf(producers.map(({ own }) => own)),
      supervisors: sumOf(machines.map(({ own }) => own)),
      children: sumOf(machines.map(({ children }) => children)),
      redis: redis.reduce((sum, one) => sum + one, 0),
    };
  }

  /** Kills some of its machines and all of their processes, at once. */
  kill(machines: number): void {
    for (const machine of this.machines.splice(0, machines)) machine.kill();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.producers, ...this.machines].map((one) => one[Symbol.asyncDispose]()));
  }
}
