/** Items of which a few are a thousand times longer: compares the automatic chunksize with the best fixed one. */

import { inTurns, medianOf } from "../harness/rounds.ts";
import type { Row } from "../harness/row.ts";

const SHORT_MS = 0.02;
const LONG_MS = 20;
const CHUNKSIZES = [1, 4, 16, 32, 64, 128, 256, 1_024] as const;

export const mixedItems: Row = {
  id: 4,
  title: "1 % of the items 1,000 times longer than the rest, chunksize auto",
  async measure(stage) {
    const n = stage.size(10_000, 2_000);
    const args = { list: mixed(n) };
    const poolmq = await stage.need("poolmq");
    await poolmq.map({ task: "increment", args: { range: 2_000 } });
    const times = await inTurns(
      stage.size(5, 2),
      (["auto", ...CHUNKSIZES] as const).map((chunksize) => ({
        who: `chunksize ${chunksize}`,
        run: () => poolmq.map({ task: "spin", args, chunksize }),
      })),
    );
    const medians = CHUNKSIZES.map((chunksize) => ({
      chunksize,
      ms: medianOf(times.get(`chunksize ${chunksize}`) ?? []),
    }));
    const best = medians.reduce((a, b) => (b.ms < a.ms ? b : a));
    return {
      checks: [
        {
          what: `speed over that of the best fixed chunksize, ${best.chunksize}`,
          value: (100 * best.ms) / medianOf(times.get("chunksize auto") ?? []),
          unit: "%",
          target: { is: "≥", value: 90 },
        },
      ],
      series: [...times].map(([who, values]) => {
        return { who, what: "whole map", unit: "ms", values };
      }),
      notes: [`${n} items of ${SHORT_MS} ms, each hundredth of ${LONG_MS} ms, at scattered places.`],
    };
  },
};

/** The long items are scattered, in the same places every time. */
function mixed(n: number): number[] {
  const list = Array.from({ length: n }, () => SHORT_MS);
  // A multiplicative congruential generator (Park and Miller, 1988).
  let state = 1;
  for (let left = n / 100; left > 0;) {
    state = (state * 48_271) % 2_147_483_647;
    const at = state % n;
    if (list[at] === LONG_MS) continue;
    list[at] = LONG_MS;
    left--;
  }
  return list;
}
