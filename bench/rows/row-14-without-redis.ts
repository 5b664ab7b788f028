/** A pool whose queue is in memory, beside the pools that have none: what an item costs, a chunk, and a call. */

import type { Competitor } from "../harness/competitor.ts";
import { PROGRAMS } from "../harness/competitors.ts";
import { inTurns, medianOf, medianRatio } from "../harness/rounds.ts";
import type { Rounds } from "../harness/rounds.ts";
import type { Check, Row, Series } from "../harness/row.ts";

/** Calls that one competitor makes before it is another's turn. */
const TURN = 500;

/** Calls until V8 has compiled what a call runs through, which takes it half a second. */
const WARM_UP = 15_000;

export const withoutRedis: Row = {
  id: 14,
  title: "a pool without Redis: 50,000 trivial items, a job each; 1,000,000 in chunks; apply",
  async measure(stage) {
    const [items, many] = [stage.size(50_000, 5_000), stage.size(1_000_000, 100_000)];
    const [memory, threads, cpython, piscina] = [
      await stage.need("poolmqMemory"),
      await stage.need("poolmqThreads"),
      await stage.need("cpython"),
      await stage.need("piscina"),
    ];
    const throughput = async (
      competitors: readonly Competitor[],
      n: number,
      chunksize: 1 | "auto",
    ): Promise<Rounds> => {
      const request = { task: "increment", args: { range: n }, chunksize } as const;
      for (const competitor of competitors) await competitor.map(request);
      return await inTurns(
        stage.size(7, 2),
        competitors.map((competitor) => ({ who: competitor.title, run: () => competitor.map(request) })),
      );
    };
    const single = await throughput([memory, threads, cpython, piscina], items, 1);
    const chunks = await throughput([memory, threads, cpython], many, "auto");
    const callers = [memory, threads, cpython];
    const timeCalls = async (rounds: number): Promise<Rounds> =>
      await inTurns(
        rounds,
        callers.map((competitor) => ({
          who: competitor.title,
          run: async () => medianOf((await competitor.ask("calls", { count: TURN })).ms),
        })),
      );
    const firstCalls = await timeCalls(1);
    for (const competitor of callers) await competitor.ask("calls", { count: stage.size(WARM_UP, TURN) });
    const calls = await timeCalls(stage.size(5, 2));
    const over = (times: Rounds, who: string, whose: string): number =>
      medianRatio(times.get(whose) ?? [], times.get(who) ?? []);
    const ours = PROGRAMS.poolmqMemory.title;
    const checks: Check[] = [
      {
        what: `a job each: items/s, over those of ${cpython.title}`,
        value: over(single, ours, cpython.title),
        unit: "×",
        target: { is: "≥", value: 1 },
      },
      {
        what: `a job each: items/s, over those of ${piscina.title}`,
        value: over(single, ours, piscina.title),
        unit: "×",
        target: { is: "≥", value: 1.4 },
      },
      {
        what: `chunksize auto: items/s, over those of ${cpython.title}`,
        value: over(chunks, ours, cpython.title),
        unit: "×",
        target: { is: "≥", value: 1 },
      },
      {
        what: `apply: p50, over that of ${cpython.title}`,
        value: over(calls, cpython.title, ours),
        unit: "×",
        target: { is: "≤", value: 1 },
      },
    ];
    const series = (what: string, times: Rounds, n: number): Series[] =>
      [...times].map(([who, values]) => {
        return { who, what, unit: "items/s", values: values.map((ms) => (n / ms) * 1000) };
      });
    return {
      checks,
      series: [
        ...series("a job each", single, items),
        ...series("chunksize auto", chunks, many),
        ...[...firstCalls].map(([who, values]) => ({
          who,
          what: `apply, p50 of the first ${TURN}`,
          unit: "ms",
          values,
        })),
        ...[...calls].map(([who, values]) => ({ who, what: "apply, p50", unit: "ms", values })),
      ],
    };
  },
};
