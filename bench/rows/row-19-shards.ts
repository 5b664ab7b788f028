/** One queue over one, two and four Redis servers, each of which is held down to a small share of a core. */

import type { Competitor } from "../harness/competitor.ts";
import { cpuSecondsOf } from "../harness/cpu-seconds.ts";
import { inTurns, medianOf, medianRatio } from "../harness/rounds.ts";
import type { Row, Series } from "../harness/row.ts";
import { slowDown } from "../harness/slow-down.ts";
import type { Stage } from "../harness/stage.ts";

const COUNTS = [1, 2, 4] as const;
const PRODUCERS = 4;
const MACHINES = 4;

/** Share of a core: four servers with so little are still what limits, on two cores. */
const SLOW_SHARE = 0.04;

export const shards: Row = {
  id: 19,
  title: "one queue over 1, 2 and 4 Redis servers, a job each",
  async measure(stage) {
    const perShard = stage.size(2_500, 500);
    const servers = [stage.redis, ...(await Promise.all([1, 2, 3].map(() => stage.anotherRedis())))];
    const pids = await Promise.all(servers.map((server) => server.pid()));
    const times = new Map<string, readonly number[]>();
    const cost = new Map<string, number[]>();
    for (const count of COUNTS) {
      const who = whoOf(count);
      const items = perShard * count;
      const urls = servers.slice(0, count).map(({ url }) => url);
      // One after the other: machines that wait for work cost their server something, too.
      await using fleet = await Fleet.start(stage, `over-${count}`, urls);
      await fleet.map(2_000);
      const slowed = pids.slice(0, count).map((pid) => slowDown(pid, SLOW_SHARE));
      const run = async (): Promise<number> => {
        const before = fleet.cpuSeconds();
        const ms = await fleet.map(items);
        cost.set(who, [...(cost.get(who) ?? []), ((fleet.cpuSeconds() - before) * 1e6) / items]);
        return (ms * 1_000) / items;
      };
      try {
        times.set(who, (await inTurns(stage.size(5, 1), [{ who, run }])).get(who) ?? []);
      } finally {
        for (const one of slowed) one[Symbol.dispose]();
      }
    }
    const one = times.get(whoOf(1)) ?? [];
    return {
      checks: [
        {
          what: "two servers over one",
          value: medianRatio(one, times.get(whoOf(2)) ?? []),
          unit: "×",
          target: { is: "≥", value: 1.9 },
        },
        {
          what: "four servers over one",
          value: medianRatio(one, times.get(whoOf(4)) ?? []),
          unit: "×",
          target: { is: "≥", value: 3.8 },
        },
      ],
      series: [...times].flatMap(([who, values]): Series[] => [
        { who, what: "throughput", unit: "items/s", values: values.map((us) => 1e6 / us) },
        {
          who,
          what: "CPU time of producers and machines",
          unit: "µs an item",
          values: cost.get(who) ?? [],
        },
      ]),
      notes: [
        `Each server is stopped for ${100 - 100 * SLOW_SHARE} % of the time, so that it is what limits: on two cores it would be the ${PRODUCERS} producers and ${MACHINES} machines, which are the same for each number of servers. Median of one server: ${Math.round(1e6 / medianOf(one))} items/s.`,
      ],
    };
  },
};

function whoOf(count: number): string {
  return count === 1 ? "1 server" : `${count} servers`;
}

/** Producers and machines of one queue over some servers. */
class Fleet implements AsyncDisposable {
  readonly #producers: readonly Competitor[];
  readonly #machines: readonly Competitor[];

  private constructor(producers: readonly Competitor[], machines: readonly Competitor[]) {
    this.#producers = producers;
    this.#machines = machines;
  }

  static async start(stage: Stage, queue: string, urls: readonly string[]): Promise<Fleet> {
    const machines = await Promise.all(
      Array.from({ length: MACHINES }, () =>
        stage.need("poolmqMachine", { redis: urls.join(","), queue, processes: 1 }),
      ),
    );
    const producers = await Promise.all(
      Array.from({ length: PRODUCERS }, () =>
        stage.need("poolmqProducer", { redis: urls.join(","), queue, processes: 1 }),
      ),
    );
    return new Fleet(producers, machines);
  }

  /** Each producer makes one map, all at the same time, with so many items in all. Gives how long the longest took, in ms. */
  async map(items: number): Promise<number> {
    const args = { range: Math.ceil(items / PRODUCERS) };
    const maps = this.#producers.map((producer) => producer.map({ task: "increment", args, chunksize: 1 }));
    return Math.max(...(await Promise.all(maps)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#producers, ...this.#machines].map((one) => one[Symbol.asyncDispose]()));
  }

  /** CPU time that its producers and machines used so far, without their processes that run tasks. */
  cpuSeconds(): number {
    return [...this.#producers, ...this.#machines].reduce((sum, { pid }) => sum + cpuSecondsOf(pid), 0);
  }
}
