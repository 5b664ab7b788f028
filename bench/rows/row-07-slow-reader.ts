/** A million items through `imap`, for a reader who is slower than the workers: nothing piles up. */

import type { Row } from "../harness/row.ts";

const MIB = 1024 * 1024;
const MOST_MIB = 64;

export const slowReader: Row = {
  id: 7,
  title: "imap of 1,000,000 items for a slow reader",
  async measure(stage) {
    const n = stage.size(1_000_000, 50_000);
    const poolmq = await stage.need("poolmq");
    await poolmq.map({ task: "increment", args: { range: 20_000 }, chunksize: "auto" });
    const { ms, sum, before, peak } = await poolmq.ask("slowStream", { n, pauseEvery: 100, pauseMs: 1 });
    if (sum !== (n * (n + 1)) / 2) throw new Error(`results sum up to ${sum}, expected ${(n * (n + 1)) / 2}`);
    const redisPeak = await stage.redis.info("used_memory_peak");
    const target = { is: "≤", value: MOST_MIB } as const;
    return {
      checks: [
        { what: "growth of the producer's memory", value: (peak - before) / MIB, unit: "MiB", target },
        { what: "Redis's memory at its highest", value: redisPeak / MIB, unit: "MiB", target },
      ],
      series: [
        { who: poolmq.title, what: "throughput", unit: "items/s", values: [(n / ms) * 1000] },
        { who: poolmq.title, what: "producer's memory before", unit: "MiB", values: [before / MIB] },
      ],
      notes: ["The reader waits for a millisecond after every 100 results."],
    };
  },
};
