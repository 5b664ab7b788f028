/** The throughput of one Redis with up to eight producers and four worker machines, and of two queues and two servers. */

import { Lane } from "../harness/lane.ts";
import { inTurns, medianRatio } from "../harness/rounds.ts";
import type { Rounds } from "../harness/rounds.ts";
import type { Row, Series } from "../harness/row.ts";
import { slowDown } from "../harness/slow-down.ts";

const SCALE = [
  { producers: 1, machines: 1 },
  { producers: 2, machines: 1 },
  { producers: 2, machines: 2 },
  { producers: 4, machines: 4 },
  { producers: 8, machines: 4 },
] as const;

/** Share of a core that the server gets, so that it is the bottleneck even on two cores. */
const SLOW_SHARE = 0.07;

export const manyProducers: Row = {
  id: 12,
  title: "many producers and worker machines, a job each",
  async measure(stage) {
    const n = stage.size(12_000, 2_000);
    const rounds = stage.size(3, 1);
    const secondRedis = await stage.anotherRedis();
    const servers = [stage.redis, secondRedis];
    const busy = new Map<string, number[]>();

    /** µs per item of maps in all the lanes at once. */
    const run = async (who: string, lanes: readonly Lane[], items: number): Promise<number> => {
      const cpuBefore = await stage.redis.cpuSeconds();
      const ms = Math.max(...(await Promise.all(lanes.map((lane) => lane.map(items / lanes.length)))));
      const cpuMs = ((await stage.redis.cpuSeconds()) - cpuBefore) * 1_000;
      busy.set(who, [...(busy.get(who) ?? []), (100 * cpuMs) / ms]);
      return (ms * 1_000) / items;
    };

    const times = new Map<string, readonly number[]>();
    const add = (more: Rounds): void => more.forEach((values, who) => void times.set(who, values));
    const lane = new Lane(stage, stage.redis, "one");
    for (const scale of stage.quick ? SCALE.slice(0, 2) : SCALE) {
      await lane.grow(scale);
      const who = `${scale.producers} producers, ${scale.machines} machines`;
      add(await inTurns(stage.size(2, 1), [{ who, run: () => run(who, [lane], n) }]));
    }

    const half = { producers: 4, machines: 2 };
    const [a, b, c] = [
      await new Lane(stage, stage.redis, "two-a").grow(half),
      await new Lane(stage, stage.redis, "two-b").grow(half),
      await new Lane(stage, secondRedis, "two-b").grow(half),
    ];
    await lane.grow({ producers: 8, machines: 4 });
    const splits = [
      { who: "one queue", lanes: [lane] },
      { who: "two queues", lanes: [a, b] },
      { who: "two servers", lanes: [a, c] },
    ];
    const inSplits = (suffix: string, items: number): Promise<Rounds> =>
      inTurns(
        rounds,
        splits.map(({ who, lanes }) => ({
          who: `${who}${suffix}`,
          run: () => run(`${who}${suffix}`, lanes, items),
        })),
      );
    add(await inSplits("", n));
    const slowed = ", Redis slowed down";
    const pids = await Promise.all(servers.map((server) => server.pid()));
    {
      using _first = slowDown(pids[0] ?? 0, SLOW_SHARE);
      using _second = slowDown(pids[1] ?? 0, SLOW_SHARE);
      add(await inSplits(slowed, n / 4));
    }
    const one = times.get(`one queue${slowed}`) ?? [];
    return {
      checks: [
        {
          what: "two servers over one, each with 7 % of a core (twice, to within 5 %)",
          value: medianRatio(one, times.get(`two servers${slowed}`) ?? []),
          unit: "×",
          target: { is: "≥", value: 1.9 },
        },
      ],
      series: [...times].flatMap(([who, values]): Series[] => [
        { who, what: "throughput", unit: "items/s", values: values.map((us) => 1e6 / us) },
        { who, what: "the first Redis's share of a core", unit: "%", values: busy.get(who) ?? [] },
      ]),
      notes: [
        "On two cores it is the producers and workers who limit: Redis is never busy. So it is also measured with servers that are stopped for 93 % of the time.",
      ],
    };
  },
};
