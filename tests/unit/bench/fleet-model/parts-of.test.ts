import { expect, test } from "vitest";

import { demandOf } from "../../../../bench/fleet-model/demand.ts";
import { partsOf } from "../../../../bench/fleet-model/parts-of.ts";
import type { Load } from "../../../../bench/fleet-model/parts-of.ts";
import { COSTS, FLEET } from "./costs.ts";

/** What would be measured if the real thing were like the model. */
function loadAt(jobsPerS: number, chunksize: number): Load {
  const idleMachine = { supervisorUs: 0, redisUs: 0 };
  const demand = demandOf({ ...COSTS, idleMachine }, FLEET, { itemMs: 0, chunksize }, jobsPerS * chunksize);
  const perJob = (cores: number): number => (cores * 1e6) / jobsPerS;
  return {
    producer: perJob(demand.producer),
    supervisor: perJob(demand.supervisor),
    child: perJob(demand.child),
    redis: perJob(demand.redis),
    scripts: 6 / (1 + (jobsPerS * COSTS.turnMs) / 1_000),
    jobsPerS,
  };
}

test("the costs of each part are found again in what three kinds of work cost", () => {
  const chunksize = 1_000;
  const loads = {
    slow: loadAt(200, 1),
    busy: loadAt(15_000, 1),
    chunks: loadAt(3_000, chunksize),
    chunksize,
  };
  const { turnMs, producer, redis } = partsOf(loads);
  expect(turnMs).toBeCloseTo(COSTS.turnMs);
  for (const [found, real] of [
    [producer, COSTS.producer],
    [redis, COSTS.redis],
  ] as const) {
    expect(found.jobUs).toBeCloseTo(real.jobUs);
    expect(found.turnUs).toBeCloseTo(real.turnUs);
    expect(found.itemUs).toBeCloseTo(real.itemUs);
  }
});
