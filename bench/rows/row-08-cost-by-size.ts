/** Whether an item of a large map costs more than one of a small map. */

import { inTurns, medianOf } from "../harness/rounds.ts";
import type { Row } from "../harness/row.ts";

/**
 * Several small maps in a row are one measurement, because garbage is collected before each measurement, and the first ms
 * after that are not typical.
 */
const SIZES = [
  { n: 1_000, maps: 10, rounds: 5 },
  { n: 10_000, maps: 2, rounds: 5 },
  { n: 100_000, maps: 1, rounds: 2 },
  { n: 1_000_000, maps: 1, rounds: 1 },
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
      sizes.map(({ n, maps, rounds }) => ({
        who: `${n.toLocaleString("en-US")} items`,
        rounds,
        run: async () =>
          ((await poolmq.map({ task: "increment", args: { range: n }, times: maps })) * 1000) / n,
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
