/** Results of which only the sum is needed: folded by the workers, compared with folding in the producer. */

import type { Competitor } from "../harness/competitor.ts";
import { inTurns, medianRatio } from "../harness/rounds.ts";
import type { Row } from "../harness/row.ts";

const MIB = 1024 * 1024;
const WORKERS = "poolmq, mapReduce";
const PRODUCER = "poolmq, folded in the producer";
/** Values that a block of the histogram has: 1 MiB of 16-bit numbers. */
const VALUES_PER_BLOCK = MIB / 2;

export const folds: Row = {
  id: 15,
  title: "a sum of 10,000,000 numbers, and a histogram of 1 GiB",
  async measure(stage) {
    const [numbers, blocks] = [stage.size(10_000_000, 500_000), stage.size(1_024, 128)];
    const poolmq = await stage.need("poolmq");
    const peaks = new Map<string, number>();
    const run =
      (what: "sum" | "histogram", n: number, expected: number, by: "workers" | "producer") =>
      async (competitor: Competitor): Promise<number> => {
        const { ms, sum, before, peak } = await competitor.ask("fold", { what, n, by });
        if (sum !== expected) throw new Error(`${what}: got ${sum}, expected ${expected}`);
        const name = `${what} ${by}`;
        peaks.set(name, Math.max(peaks.get(name) ?? 0, (peak - before) / MIB));
        return ms;
      };
    const inBoth = async (what: "sum" | "histogram", n: number, expected: number) => {
      const [workers, producer] = [run(what, n, expected, "workers"), run(what, n, expected, "producer")];
      return await inTurns(stage.size(3, 1), [
        { who: WORKERS, run: () => workers(poolmq) },
        { who: PRODUCER, run: () => producer(poolmq) },
      ]);
    };
    const warm = stage.size(200_000, 50_000);
    await run("sum", warm, (warm * (warm + 1)) / 2, "workers")(poolmq);
    await run("sum", warm, (warm * (warm + 1)) / 2, "producer")(poolmq);
    const warmBlocks = stage.size(128, 64);
    await run("histogram", warmBlocks, warmBlocks * VALUES_PER_BLOCK, "workers")(poolmq);
    await run("histogram", warmBlocks, warmBlocks * VALUES_PER_BLOCK, "producer")(poolmq);
    peaks.clear();
    const sums = await inBoth("sum", numbers, (numbers * (numbers + 1)) / 2);
    const histograms = await inBoth("histogram", blocks, blocks * VALUES_PER_BLOCK);
    const over = (times: typeof sums): number =>
      medianRatio(times.get(PRODUCER) ?? [], times.get(WORKERS) ?? []);
    return {
      checks: [
        {
          what: "sum: speed over folding in the producer",
          value: over(sums),
          unit: "×",
          target: { is: "≥", value: 1 },
        },
        {
          what: "histogram: speed over folding in the producer",
          value: over(histograms),
          unit: "×",
          target: { is: "≥", value: 1 },
        },
        {
          what: "histogram: growth of the producer's memory",
          value: peaks.get("histogram workers") ?? NaN,
          unit: "MiB",
          target: { is: "≤", value: 64 },
        },
      ],
      series: [
        ...[...sums].map(([who, values]) => {
          return { who, what: "sum", unit: "numbers/s", values: values.map((ms) => (numbers / ms) * 1000) };
        }),
        ...[...histograms].map(([who, values]) => {
          return { who, what: "histogram", unit: "MiB/s", values: values.map((ms) => (blocks / ms) * 1000) };
        }),
        ...[...peaks].map(([name, value]) => {
          const [what = "", by] = name.split(" ");
          const who = by === "workers" ? WORKERS : PRODUCER;
          return { who, what: `${what}, growth of the producer's memory`, unit: "MiB", values: [value] };
        }),
      ],
      notes: [
        "The producer that folds by itself reads `imapUnordered` with `chunksize` auto. Each result of the histogram is 512 KiB: the counts of 65,536 values in one block of 1 MiB, which the worker makes up.",
      ],
    };
  },
};
