/** A million trivial items, in chunks of a size that finds itself, against the memory of one process. */

import { PROGRAMS } from "../harness/competitors.ts";
import { inTurns, medianRatio } from "../harness/rounds.ts";
import type { Row } from "../harness/row.ts";

export const millionItems: Row = {
  id: 2,
  title: "map of 1,000,000 trivial items, chunksize auto",
  async measure(stage) {
    const n = stage.size(1_000_000, 200_000);
    const request = { task: "increment", args: { range: n }, chunksize: "auto" } as const;
    const poolmq = await stage.need("poolmq");
    const cpython = await stage.need("cpython");
    const piscina = await stage.need("piscina");
    for (const competitor of [poolmq, cpython]) await competitor.map(request);
    const times = await inTurns(stage.size(9, 3), [
      ...[poolmq, cpython].map((competitor) => ({
        who: competitor.title,
        run: () => competitor.map(request),
      })),
      {
        who: piscina.title,
        rounds: 1,
        run: async () => 20 * (await piscina.map({ ...request, args: { range: n / 20 } })),
      },
    ]);
    const ours = times.get(PROGRAMS.poolmq.title) ?? [];
    const theirs = times.get(PROGRAMS.cpython.title) ?? [];
    return {
      checks: [
        {
          what: `items/s, over those of ${cpython.title}`,
          value: medianRatio(theirs, ours),
          unit: "×",
          target: { is: "≥", value: 0.8 },
        },
      ],
      series: [...times].map(([who, values]) => {
        return { who, what: "throughput", unit: "items/s", values: values.map((ms) => (n / ms) * 1000) };
      }),
      notes: [
        `${cpython.title} takes its default chunksize, a quarter of a process's share; ${piscina.title} has none, goes item by item, and gets a twentieth of them.`,
      ],
    };
  },
};
