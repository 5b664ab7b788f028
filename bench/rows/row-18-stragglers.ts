/** The tail of a map whose last items are on a slow or frozen machine: with and without backups and cuts of chunks. */

import { setTimeout as delay } from "node:timers/promises";

import { descendantsOf } from "../../tests/support/processes.ts";
import type { SideMap } from "../competitors/operations.ts";
import type { Competitor } from "../harness/competitor.ts";
import { inTurns, medianOf, medianRatio } from "../harness/rounds.ts";
import type { Check, Row } from "../harness/row.ts";
import type { Stage } from "../harness/stage.ts";

const PROCESSES = 2;
const ITEM_MS = 20;
// Its first items, too, must outlast what the other machine alone needs for all of them: else whether there is a tail is left to chance.
const SLOW_MS = 3_000;

export const stragglers: Row = {
  id: 18,
  title: "the end of a map on two machines of two processes, of which one is slow or frozen",
  async measure(stage) {
    const items = stage.size(200, 100);
    const idealMs = (items * ITEM_MS) / PROCESSES;
    const slow = await fleet(stage, "slow", [{}, { slowMs: SLOW_MS }]);
    const frozen = await fleet(stage, "frozen", [{}, {}]);
    const even = await fleet(stage, "even", [{}, {}]);
    const run = (producer: Competitor, map: Partial<SideMap>) => async (): Promise<number> =>
      await wholeMap(producer, { task: "waitHere", items, ms: ITEM_MS, ...map });
    const frozenRun = (speculate: boolean) => async (): Promise<number> => {
      const machine = frozen.machines[1]?.pid ?? 0;
      const pids = [machine, ...descendantsOf(machine)];
      const signalAll = (signal: "SIGSTOP" | "SIGCONT"): void =>
        pids.forEach((pid) => process.kill(pid, signal));
      const ends = run(frozen.producer, { options: { speculate } })();
      // After this time, both machines together have done a fifth of the map.
      await delay(idealMs / 2 / 5);
      signalAll("SIGSTOP");
      try {
        return await ends;
      } finally {
        signalAll("SIGCONT");
      }
    };
    const chunked = { items: 100, ms: 50 } as const;
    const times = await inTurns(stage.size(5, 1), [
      { who: "slow, without", run: run(slow.producer, {}) },
      { who: "slow, with speculate", run: run(slow.producer, { options: { speculate: true } }) },
      { who: "frozen, without", run: frozenRun(false) },
      { who: "frozen, with speculate", run: frozenRun(true) },
      { who: "a job each", run: run(even.producer, chunked) },
      { who: "one chunk", run: run(even.producer, { ...chunked, options: { chunksize: chunked.items } }) },
    ]);
    const seen = (who: string): readonly number[] => times.get(who) ?? [];
    const tailOf = (machine: "slow" | "frozen"): Check => {
      const [without, speculated] = ["without", "with speculate"].map((how) => {
        return Math.max(0, medianOf(seen(`${machine}, ${how}`)) - idealMs);
      });
      return {
        what: `one machine is ${machine}: tail with \`speculate\`, over that without`,
        value: (speculated ?? NaN) / (without ?? NaN),
        unit: "×",
        target: { is: "≤", value: 0.5 },
      };
    };
    return {
      checks: [
        tailOf("slow"),
        tailOf("frozen"),
        {
          what: "100 items of 50 ms in one chunk: time over that with a job each",
          value: medianRatio(seen("one chunk"), seen("a job each")),
          unit: "×",
          target: { is: "≤", value: 1.25 },
        },
      ],
      series: [...times].map(([who, values]) => ({ who, what: "whole map", unit: "ms", values })),
      notes: [
        `${items} items of ${ITEM_MS} ms, which the other machine alone does in ${idealMs} ms: what it takes longer is the tail. The slow machine takes ${SLOW_MS} ms for each item; the frozen one is stopped when a fifth of the map is done.`,
      ],
    };
  },
};

/** A queue with a producer, and a machine for each setup. */
async function fleet(
  stage: Stage,
  queue: string,
  setups: readonly { readonly slowMs?: number }[],
): Promise<{ readonly producer: Competitor; readonly machines: readonly Competitor[] }> {
  const setup = { redis: stage.redis.url, queue, processes: PROCESSES };
  const machines: Competitor[] = [];
  for (const own of setups) machines.push(await stage.need("poolmqMachine", { ...setup, ...own }));
  const producer = await stage.need("poolmqProducer", setup);
  await producer.map({ task: "increment", args: { range: 200 } });
  return { producer, machines };
}

/** How long a map took, in ms. */
async function wholeMap(producer: Competitor, map: SideMap): Promise<number> {
  const { maps } = await producer.ask("sideBySide", { maps: [map], forMs: 60_000 });
  const [{ calledAt, cameAt } = { calledAt: NaN, cameAt: [] }] = maps;
  if (cameAt.length !== map.items) throw new Error(`${cameAt.length} results came of ${map.items}`);
  return (cameAt.at(-1) ?? NaN) - calledAt;
}
