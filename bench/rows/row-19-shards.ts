/** One queue over one, two and four Redis servers, each of which is limited to a small share of a core. */

import { HeldDownServers } from "../harness/held-down-servers.ts";
import type { HeldDownRun } from "../harness/held-down-servers.ts";
import { inTurns, medianRatio } from "../harness/rounds.ts";
import type { Row, Series } from "../harness/row.ts";

const COUNTS = [1, 2, 4] as const;

/** One round is off by up to 10 %, whatever the number of servers. */
const ROUNDS = 11;

export const shards: Row = {
  id: 19,
  title: "one queue over 1, 2 and 4 Redis servers, a job each",
  async measure(stage) {
    const servers = new HeldDownServers(stage);
    const runs = new Map<string, HeldDownRun[]>();
    const entrants = [];
    for (const count of COUNTS) {
      const fleet = await servers.fleetOver(count);
      const run = async (): Promise<number> => {
        const seen = await servers.measure(fleet);
        runs.set(whoOf(count), [...(runs.get(whoOf(count)) ?? []), seen]);
        return seen.itemsPerS;
      };
      entrants.push({ who: whoOf(count), run });
    }
    const rates = await inTurns(stage.size(ROUNDS, 1), entrants);
    const [one, two, four] = COUNTS.map((count) => rates.get(whoOf(count)) ?? []);
    return {
      checks: [
        {
          what: "two servers over one",
          value: medianRatio(two ?? [], one ?? []),
          unit: "×",
          target: { is: "≥", value: 1.9 },
        },
        {
          what: "four servers over one",
          value: medianRatio(four ?? [], one ?? []),
          unit: "×",
          target: { is: "≥", value: 3.8 },
        },
      ],
      series: [...runs].flatMap(([who, seen]): Series[] => [
        { who, what: "throughput", unit: "items/s", values: seen.map(({ itemsPerS }) => itemsPerS) },
        { who, what: "Redis, of what it may use", unit: "%", values: seen.map(({ busy }) => busy) },
        {
          who,
          what: "the Redis that used least, of what it may use",
          unit: "%",
          values: seen.map(({ leastBusy }) => leastBusy),
        },
        { who, what: "jobs in a script", unit: "", values: seen.map(({ jobsAScript }) => jobsAScript) },
        { who, what: "CPU time of Redis", unit: "µs an item", values: seen.map(({ redisUs }) => redisUs) },
        {
          who,
          what: "CPU time of producers",
          unit: "µs an item",
          values: seen.map(({ producerUs }) => producerUs),
        },
        {
          who,
          what: "CPU time of supervisors",
          unit: "µs an item",
          values: seen.map(({ supervisorUs }) => supervisorUs),
        },
      ]),
      notes: [
        "Each server is stopped for 97 % of the time, so that it is what limits: on two cores it would be the producers and machines. There are two of each, whatever the number of servers; a machine has a process for each server, and the window of a map grows with them, so that as many jobs are under way on each.",
      ],
    };
  },
};

function whoOf(count: number): string {
  return count === 1 ? "1 server" : `${count} servers`;
}
