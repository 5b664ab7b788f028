/** The part of two cores that the functions get. */

import { inTurns, medianOf, medianRatio } from "../harness/rounds.ts";
import type { Check, Row } from "../harness/row.ts";

const ITEM_MS = 10;
const CORES = 2;

export const computingItems: Row = {
  id: 3,
  title: "2,000 items that compute for 10 ms",
  async measure(stage) {
    const n = stage.size(2_000, 200);
    const request = { task: "spin", args: { list: Array.from({ length: n }, () => ITEM_MS) } } as const;
    const poolmq = await stage.need("poolmq");
    const cpython = await stage.need("cpython");
    for (const competitor of [poolmq, cpython]) {
      await competitor.map({ task: "increment", args: { range: 2_000 } });
    }
    const entrants = [poolmq, cpython].flatMap((competitor) =>
      ([1, "auto"] as const).map((chunksize) => ({
        who: `${competitor.title}, chunksize ${chunksize}`,
        run: () => competitor.map({ ...request, chunksize }),
      })),
    );
    const times = await inTurns(stage.size(2, 1), entrants);
    const perfectMs = (n * ITEM_MS) / CORES;
    const checks = ([1, "auto"] as const).flatMap((chunksize): Check[] => {
      const ours = times.get(`${poolmq.title}, chunksize ${chunksize}`) ?? [];
      const theirs = times.get(`${cpython.title}, chunksize ${chunksize}`) ?? [];
      return [
        {
          what: `chunksize ${chunksize}: share of two perfect cores`,
          value: (100 * perfectMs) / medianOf(ours),
          unit: "%",
          target: { is: "≥", value: 98 },
        },
        {
          what: `chunksize ${chunksize}: speed over that of ${cpython.title}`,
          value: medianRatio(theirs, ours),
          unit: "×",
          target: { is: "≥", value: 0.99 },
        },
      ];
    });
    return {
      checks,
      series: [...times].map(([who, values]) => {
        return {
          who,
          what: "share of two cores",
          unit: "%",
          values: values.map((ms) => (100 * perfectMs) / ms),
        };
      }),
      notes: [
        "Items compute until they have used their CPU time: what else runs on the two cores shows as time lost.",
        `${cpython.title} with chunksize "auto" is its default.`,
      ],
    };
  },
};
