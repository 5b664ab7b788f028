/** A million items through `imap`, with a reader that is slower than the workers: memory must not grow. */

import type { Row } from "../harness/row.ts";

const MIB = 1024 * 1024;
const MOST_MIB = 64;
const SLOWLY = { pauseEvery: 100, pauseMs: 1 };

export const slowReader: Row = {
  id: 7,
  title: "imap of 1,000,000 items for a slow reader",
  async measure(stage) {
    const n = stage.size(1_000_000, 50_000);
    const poolmq = await stage.need("poolmq");
    const cold = await poolmq.ask("slowStream", { n: 1_000, ...SLOWLY });
    // A first, unmeasured stream: V8 lets its young generation grow to about a hundred megabytes in any case, the later the
    // fewer values outlive it: with 400,000 items, it had not always reached its size.
    await poolmq.ask("slowStream", { n, ...SLOWLY });
    const { ms, sum, before, peak } = await poolmq.ask("slowStream", { n, ...SLOWLY });
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
        { who: poolmq.title, what: "producer's memory, fresh", unit: "MiB", values: [cold.before / MIB] },
        { who: poolmq.title, what: "producer's memory, warm", unit: "MiB", values: [before / MIB] },
        { who: poolmq.title, what: "producer's memory at its highest", unit: "MiB", values: [peak / MIB] },
      ],
      notes: [
        "The reader waits for a millisecond after every 100 results. The memory is the resident set; warm means after a first stream of as many items, in which V8's young generation reaches its size.",
      ],
    };
  },
};
