/** A million trivial items with an automatic chunk size, compared with CPython's pool, which has no queue. */

import { PROGRAMS } from "../harness/competitors.ts";
import { inTurns, medianOf, medianRatio } from "../harness/rounds.ts";
import type { Row } from "../harness/row.ts";

/** Maps that warm up the pool, after the first. */
const WARM_UP = 8;

export const millionItems: Row = {
  id: 2,
  title: "map of 1,000,000 trivial items, chunksize auto",
  async measure(stage) {
    const n = stage.size(1_000_000, 200_000);
    const request = { task: "increment", args: { range: n }, chunksize: "auto" } as const;
    const poolmq = await stage.need("poolmq");
    const cpython = await stage.need("cpython");
    const piscina = await stage.need("piscina");
    const first = await poolmq.map(request);
    // A map has only a hundred jobs, so V8 compiles the code that handles them late.
    for (let i = 0; i < WARM_UP; i++) await poolmq.map(request);
    await cpython.map(request);
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
          target: { is: "≥", value: 1 },
        },
        {
          what: `first map: items/s, over those of ${cpython.title}`,
          value: medianOf(theirs) / first,
          unit: "×",
          target: { is: "≥", value: 0.6 },
        },
      ],
      series: [
        ...[...times].map(([who, values]) => {
          return { who, what: "throughput", unit: "items/s", values: values.map((ms) => (n / ms) * 1000) };
        }),
        {
          who: poolmq.title,
          what: "throughput, first map",
          unit: "items/s",
          values: [(n / first) * 1000],
        },
      ],
      notes: [
        `${poolmq.title} has made ${WARM_UP + 1} such maps before it is measured: V8 takes so long to compile what a map of a hundred jobs runs through. ${cpython.title} has made one.`,
        `${cpython.title} takes its default chunksize, a quarter of a process's share; ${piscina.title} has none, goes item by item, and gets a twentieth of them.`,
      ],
    };
  },
};
