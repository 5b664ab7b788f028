/** The latency of one call on an idle pool. */

import { quantileSorted, range } from "d3-array";

import type { Competitor } from "../harness/competitor.ts";
import { PROGRAMS } from "../harness/competitors.ts";
import type { Check, Row, Series } from "../harness/row.ts";

/** Calls that one competitor makes before it is another's turn. */
const TURN = 100;

export const callLatency: Row = {
  id: 5,
  title: "apply on an idle pool",
  async measure(stage) {
    const competitors: Competitor[] = [];
    for (const name of ["poolmq", "handWritten", "celery", "cpython"] as const) {
      const competitor = await stage.start(name);
      if (competitor === undefined) continue;
      await competitor.ask("calls", { count: 200 });
      competitors.push(competitor);
    }
    const latencies = new Map(competitors.map(({ title }) => [title, [] as number[]]));
    for (const turn of range(stage.size(20, 4))) {
      for (const competitor of turn % 2 === 0 ? competitors : competitors.toReversed()) {
        const { ms } = await competitor.ask("calls", { count: TURN });
        latencies.get(competitor.title)?.push(...ms);
      }
    }
    const quantile = (who: string, p: number): number =>
      quantileSorted(
        (latencies.get(who) ?? []).toSorted((a, b) => a - b),
        p,
      ) ?? NaN;
    const points = [
      { name: "p50", p: 0.5 },
      { name: "p99", p: 0.99 },
    ];
    const checks = [PROGRAMS.handWritten.title, PROGRAMS.celery.title]
      .filter((who) => latencies.has(who))
      .flatMap((who) =>
        points.map(({ name, p }): Check => {
          return {
            what: `${name}, over that of ${who}`,
            value: quantile(PROGRAMS.poolmq.title, p) / quantile(who, p),
            unit: "×",
            target: { is: "≤", value: who === PROGRAMS.handWritten.title ? 0.8 : 1 },
          };
        }),
      );
    return {
      checks,
      series: competitors.flatMap(({ title }) =>
        points.map(({ name, p }): Series => {
          return { who: title, what: name, unit: "ms", values: [quantile(title, p)] };
        }),
      ),
    };
  },
};
