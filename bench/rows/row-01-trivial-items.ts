/** The least cost of an item: trivial items, each a job of its own. */

import { inTurns, medianRatio } from "../harness/rounds.ts";
import type { Entrant } from "../harness/rounds.ts";
import type { Check, Measured, Row, Series } from "../harness/row.ts";
import type { ProgramName } from "../harness/competitors.ts";
import { PROGRAMS } from "../harness/competitors.ts";
import type { Stage } from "../harness/stage.ts";

interface Entry {
  readonly name: ProgramName;
  /**
   * Competitors that are ten times slower get a fifth of the items, so that a run stays short; the cost per item is
   * unaffected.
   */
  readonly slow?: true;
  /** Target: poolmq's items per second, divided by the competitor's. */
  readonly atLeast?: number;
}

const ENTRIES: readonly Entry[] = [
  { name: "poolmq" },
  { name: "handWritten", atLeast: 2 },
  { name: "sandboxed", atLeast: 6 },
  { name: "redisLists" },
  { name: "piscina" },
  { name: "cpython" },
  { name: "celery", slow: true, atLeast: 30 },
  { name: "dask", slow: true, atLeast: 30 },
];

/** Competitors whose cost in Redis can be compared. */
const ON_REDIS: ReadonlySet<ProgramName> = new Set(["poolmq", "handWritten", "redisLists"]);

export const trivialItems: Row = {
  id: 1,
  title: "map of 20,000 trivial items, a job each",
  async measure(stage: Stage): Promise<Measured> {
    const n = stage.size(20_000, 2_000);
    const redisCpu = new Map<ProgramName, number[]>();
    const entrants: (Entrant & Entry)[] = [];
    for (const entry of ENTRIES) {
      const competitor = await stage.start(entry.name);
      if (competitor === undefined) continue;
      const items = entry.slow ? n / 5 : n;
      const request = { task: "increment", args: { range: items }, chunksize: 1 } as const;
      const cpu: number[] = [];
      if (ON_REDIS.has(entry.name)) redisCpu.set(entry.name, cpu);
      await competitor.map({ ...request, args: { range: entry.slow ? 200 : n } });
      entrants.push({
        ...entry,
        who: competitor.title,
        ...(entry.slow ? { rounds: stage.size(2, 1) } : {}),
        async run() {
          const before = await stage.redis.cpuSeconds();
          const ms = await competitor.map(request);
          cpu.push(((await stage.redis.cpuSeconds()) - before) * (1e6 / items));
          return (ms * 1000) / items;
        },
      });
    }
    const times = await inTurns(stage.size(5, 2), entrants);
    const ours = times.get(PROGRAMS.poolmq.title) ?? [];
    const checks = entrants.flatMap(({ who, atLeast }): Check[] =>
      atLeast === undefined
        ? []
        : [
            {
              what: `items/s, over those of ${who}`,
              value: medianRatio(times.get(who) ?? [], ours),
              unit: "×",
              target: { is: "≥", value: atLeast },
            },
          ],
    );
    checks.push({
      what: `Redis CPU per item, over that of ${PROGRAMS.handWritten.title}`,
      value: medianRatio(redisCpu.get("poolmq") ?? [], redisCpu.get("handWritten") ?? []),
      unit: "×",
      target: { is: "≤", value: 0.3 },
    });
    return {
      checks,
      notes: [`Slow ones get ${n / 5} items, so that a run stays short; the cost per item is unaffected.`],
      series: [
        ...entrants.map(({ who }): Series => {
          const values = (times.get(who) ?? []).map((us) => 1e6 / us);
          return { who, what: "throughput", unit: "items/s", values };
        }),
        ...[...redisCpu].map(([name, values]): Series => {
          return { who: PROGRAMS[name].title, what: "Redis CPU per item", unit: "µs", values };
        }),
      ],
    };
  },
};
