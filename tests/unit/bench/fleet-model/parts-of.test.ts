import { expect, test } from "vitest";

import { demandOf } from "../../../../bench/fleet-model/demand.ts";
import type { Fleet } from "../../../../bench/fleet-model/fleet.ts";
import { partsOf } from "../../../../bench/fleet-model/parts-of.ts";
import type { Load } from "../../../../bench/fleet-model/parts-of.ts";
import { COSTS, FLEET } from "./costs.ts";

/** What would be measured if the real thing were like the model. */
function loadAt(jobsPerS: number, chunksize: number, fleet: Partial<Fleet>): Load {
  const costs = { ...COSTS, idleMachine: { supervisorUs: 0, redisUs: 0 }, mostTogether: Infinity };
  const asked = { ...FLEET, ...fleet };
  const demand = demandOf(costs, asked, { itemMs: 0, chunksize }, jobsPerS * chunksize);
  const perJob = (cores: number): number => (cores * 1e6) / jobsPerS;
  const redisTurns =
    (perJob(demand.redis) - COSTS.redis.jobUs - chunksize * COSTS.redis.itemUs) / COSTS.redis.turnUs;
  return {
    producer: perJob(demand.producer),
    supervisor: perJob(demand.supervisor * asked.machines),
    child: perJob(demand.child * asked.machines),
    redis: perJob(demand.redis),
    scripts: 6 * redisTurns,
    jobsPerS,
    machines: asked.machines,
  };
}

test("the costs of each part are found again in what three kinds of work cost", () => {
  const chunksize = 1_000;
  const { turnMs, mostTogether, producer, supervisor, redis } = partsOf({
    slow: loadAt(80, 1, { machines: 8 }),
    busy: loadAt(4_000, 1, { cores: 2 }),
    chunks: loadAt(1_000, chunksize, { cores: 2 }),
    chunksize,
    callMs: COSTS.callMs,
  });
  expect(turnMs / COSTS.turnMs).toBeCloseTo(1, 1);
  expect(mostTogether / 21).toBeCloseTo(1, 1);
  for (const [found, real] of [
    [producer, COSTS.producer],
    [supervisor, COSTS.supervisor],
    [redis, COSTS.redis],
  ] as const) {
    expect(found.jobUs / real.jobUs).toBeCloseTo(1, 1);
    expect(found.turnUs / real.turnUs).toBeCloseTo(1, 1);
    expect(found.itemUs / real.itemUs).toBeCloseTo(1, 1);
  }
});

test("what a job costs is found again at both ends, also if a turn costs much more after a sleep than in a loop", () => {
  const none = { producer: 0, supervisor: 0, child: 0, redis: 0 };
  const slow = { ...none, supervisor: 1_800, scripts: 2, jobsPerS: 64, machines: 8 };
  const busy = { ...none, supervisor: 16, scripts: 0.02, jobsPerS: 40_000, machines: 1 };
  const chunks = { ...none, supervisor: 60, scripts: 0.1, jobsPerS: 5_000, machines: 1 };
  const { mostTogether, supervisor } = partsOf({ slow, busy, chunks, chunksize: 1_000, callMs: 1 });
  const { jobUs, turnUs, itemUs } = supervisor;
  expect(jobUs + itemUs + turnUs / mostTogether).toBeCloseTo(16);
  expect((jobUs + itemUs + turnUs) / 1_800).toBeCloseTo(1, 1);
});
