/** Whether an item of a large map costs more than one of a small map. */

import { inTurns, medianOf } from "../harness/rounds.ts";
import type { Row } from "../harness/row.ts";

/** The small ones go more often: they are over sooner, and vary more. */
const SIZES = [
  { n: 1_000, rounds: 5 },
  { n: 10_000, rounds: 3 },
  { n: 100_000, rounds: 1 },
  { n: 1_000_000, rounds: 1 },
] as const;

export const costBySize: Row = {
  id: 8,
  title: "cost of an item, from 1,000 to 1,000,000 of them, a job each",
  async measure(stage) {
    const poolmq = await stage.need("poolmq");
    await poolmq.map({ task: "increment", args: { range: 20_000 } });
    const sizes = stage.quick ? SIZES.slice(0, 2) : SIZES;
    const times = await inTurns(
      Math.max(...sizes.map(({ rounds }) => rounds)),
      sizes.map(({ n, rounds }) => ({
        who: `${n.toLocaleString("en-US")} items`,
        rounds,
        run: async () => ((await poolmq.map({ task: "increment", args: { range: n } })) * 1000) / n,
      })),
    );
    const medians = [...times.values()].map(medianOf);
    return {
      checks: [
        {
          what: "dearest size over the cheapest",
          value: Math.max(...medians) / Math.min(...medians),
          unit: "×",
          target: { is: "≤", value: 1.3 },
        },
      ],
      series: [...times].map(([who, values]) => ({ who, what: "time per item", unit: "µs", values })),
    };
  },
};
