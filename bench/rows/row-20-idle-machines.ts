/** A call on a queue that a hundred idle machines serve, beside one on a queue with a single machine. */

import { medianOf, medianRatio } from "../harness/rounds.ts";
import type { Row, Series } from "../harness/row.ts";
import { RunningFleet } from "../harness/running-fleet.ts";
import type { FleetUse } from "../harness/running-fleet.ts";

/** Calls that one fleet gets before it is the other's turn. */
const TURN = 100;

/** What the calls of one turn took. */
interface Turn {
  /** Median time of a call. */
  readonly ms: number;
  /** CPU time of Redis and of all machines for a call, in µs, what idle machines use included. */
  readonly redisUs: number;
  readonly machinesUs: number;
}

export const idleMachines: Row = {
  id: 20,
  title: "apply beside idle machines",
  async measure(stage) {
    const setup = { processes: 1, concurrency: 1 };
    const crowd = stage.size(100, 8);
    const one = { ...setup, queue: "one", servers: [stage.redis] };
    const many = { ...setup, queue: "many", servers: [await stage.anotherRedis()] };
    const fleets = [
      { who: "1 machine", fleet: new RunningFleet(stage, one), machines: 1, turns: [] as Turn[] },
      {
        who: `${crowd} machines`,
        fleet: new RunningFleet(stage, many),
        machines: crowd,
        turns: [] as Turn[],
      },
    ] as const;
    for (const { fleet, machines } of fleets) {
      await fleet.grow({ producers: 1, machines });
      // Its code is compiled.
      for (let i = 0; i < 10; i++) await turnOf(fleet);
    }
    for (let i = 0; i < stage.size(20, 4); i++) {
      for (const { fleet, turns } of i % 2 === 0 ? fleets : fleets.toReversed()) {
        turns.push(await turnOf(fleet));
      }
    }
    const [alone, beside] = fleets.map(({ turns }) => turns.map(({ ms }) => ms));
    return {
      checks: [
        {
          what: `p50 with ${crowd} machines, over that with one (no higher, to within 5 %)`,
          value: medianRatio(beside ?? [], alone ?? []),
          unit: "×",
          target: { is: "≤", value: 1.05 },
        },
      ],
      series: fleets.flatMap(({ who, turns }): Series[] => [
        { who, what: "p50", unit: "ms", values: [medianOf(turns.map(({ ms }) => ms))] },
        {
          who,
          what: "CPU time of Redis",
          unit: "µs a call",
          values: [medianOf(turns.map(({ redisUs }) => redisUs))],
        },
        {
          who,
          what: "CPU time of machines",
          unit: "µs a call",
          values: [medianOf(turns.map(({ machinesUs }) => machinesUs))],
        },
      ]),
      notes: ["The machines of both queues run all the time, so that the calls of both run beside them."],
    };
  },
};

async function turnOf(fleet: RunningFleet): Promise<Turn> {
  const [producer] = fleet.producers;
  if (producer === undefined) throw new Error("unreachable: the fleet has a producer");
  const before = await fleet.use();
  const { ms } = await producer.ask("calls", { count: TURN });
  const after = await fleet.use();
  const machinesS = machineSeconds(after) - machineSeconds(before);
  return {
    ms: medianOf(ms),
    redisUs: ((after.redis - before.redis) * 1e6) / TURN,
    machinesUs: (machinesS * 1e6) / TURN,
  };
}

function machineSeconds({ supervisors, children }: FleetUse): number {
  return supervisors.cpuSeconds + children.cpuSeconds;
}
