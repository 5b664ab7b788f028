/** Buffers of a megabyte, sent to a worker and back. */

import { PROGRAMS } from "../harness/competitors.ts";
import { inTurns, medianRatio } from "../harness/rounds.ts";
import type { Row } from "../harness/row.ts";

const MIB = 1024 * 1024;

export const largeBuffers: Row = {
  id: 9,
  title: "buffers of 1 MiB as argument and result",
  async measure(stage) {
    const count = stage.size(100, 20);
    const competitors = [await stage.need("poolmq"), await stage.need("handWritten")];
    for (const competitor of [...competitors, ...competitors]) {
      await competitor.ask("buffers", { count, bytes: MIB });
    }
    const times = await inTurns(
      stage.size(7, 2),
      competitors.map((competitor) => ({
        who: competitor.title,
        run: async () => (await competitor.ask("buffers", { count, bytes: MIB })).ms,
      })),
    );
    const theirs = times.get(PROGRAMS.handWritten.title) ?? [];
    const ours = times.get(PROGRAMS.poolmq.title) ?? [];
    return {
      checks: [
        {
          what: `bytes/s, over those of ${PROGRAMS.handWritten.title}`,
          value: medianRatio(theirs, ours),
          unit: "×",
          target: { is: "≥", value: 3 },
        },
      ],
      series: [...times].map(([who, values]) => {
        return { who, what: "each way", unit: "MiB/s", values: values.map((ms) => (count / ms) * 1000) };
      }),
    };
  },
};
