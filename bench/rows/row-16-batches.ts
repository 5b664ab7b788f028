/** Rows inserted many at a time by a batch task, compared with one by one. */

import { inTurns, medianRatio } from "../harness/rounds.ts";
import type { Check, Row } from "../harness/row.ts";

const ONE_BY_ONE = "poolmq, one by one";
const BATCHES = "poolmq, map of a batch task";
const CALLS = "poolmq, calls of a batch task";

export const batches: Row = {
  id: 16,
  title: "2,000 rows inserted into SQLite by one worker",
  async measure(stage) {
    const rows = stage.size(2_000, 500);
    const competitor = await stage.need("poolmqInserts");
    const entrants = [
      { who: ONE_BY_ONE, how: "one by one" },
      { who: BATCHES, how: "batches" },
      { who: CALLS, how: "calls" },
    ] as const;
    const run = async (how: (typeof entrants)[number]["how"]): Promise<number> =>
      (await competitor.ask("inserts", { rows, how })).ms;
    for (const { how } of entrants) await run(how);
    const times = await inTurns(
      stage.size(5, 2),
      entrants.map(({ who, how }) => ({ who, run: () => run(how) })),
    );
    const faster = (who: string): Check => ({
      what: `${who.slice("poolmq, ".length)}: speed over one by one`,
      value: medianRatio(times.get(ONE_BY_ONE) ?? [], times.get(who) ?? []),
      unit: "×",
      target: { is: "≥", value: 2 },
    });
    return {
      checks: [faster(BATCHES), faster(CALLS)],
      series: [...times].map(([who, values]) => {
        return { who, what: "inserted", unit: "rows/s", values: values.map((ms) => (rows / ms) * 1000) };
      }),
      notes: ["One by one, each row is a transaction of its own, which SQLite writes to the disk."],
    };
  },
};
