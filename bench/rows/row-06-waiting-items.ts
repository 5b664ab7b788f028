/** Functions that wait and do not compute, a hundred at a time in each process. */

import { PROGRAMS } from "../harness/competitors.ts";
import { inTurns, medianOf, medianRatio } from "../harness/rounds.ts";
import type { Row } from "../harness/row.ts";

const WAIT_MS = 20;
const CONCURRENCY = 100;
const PROCESSES = 2;

export const waitingItems: Row = {
  id: 6,
  title: "10,000 items that wait for 20 ms, 100 at a time in each of two processes",
  async measure(stage) {
    const n = stage.size(10_000, 2_000);
    const request = { task: "wait", args: { list: Array.from({ length: n }, () => WAIT_MS) } } as const;
    const competitors = await Promise.all(
      (["poolmq", "bareNode", "handWritten"] as const).map((name) =>
        stage.need(name, { concurrency: CONCURRENCY }),
      ),
    );
    for (const competitor of competitors) {
      await competitor.map({ ...request, args: { list: request.args.list.slice(0, 2_000) } });
    }
    const times = await inTurns(
      stage.size(3, 1),
      competitors.map((competitor) => ({
        who: competitor.title,
        run: () => competitor.map({ ...request, times: 5 }),
      })),
    );
    const ours = times.get(PROGRAMS.poolmq.title) ?? [];
    const bare = times.get(PROGRAMS.bareNode.title) ?? [];
    const idealMs = (n / (CONCURRENCY * PROCESSES)) * WAIT_MS;
    return {
      checks: [
        {
          what: `speed over the ideal, that of ${PROGRAMS.bareNode.title}`,
          value: 100 * medianRatio(bare, ours),
          unit: "%",
          target: { is: "≥", value: 97 },
        },
      ],
      series: [...times].map(([who, values]) => {
        return {
          who,
          what: "speed",
          unit: "% of n × 20 ms / 200",
          values: values.map((ms) => (100 * idealMs) / ms),
        };
      }),
      notes: [
        `Bare Node reaches ${((100 * idealMs) / medianOf(bare)).toFixed(1)} % of what arithmetic gives, because its timers fire up to a millisecond late.`,
      ],
    };
  },
};
