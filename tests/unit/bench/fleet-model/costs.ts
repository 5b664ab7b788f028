import type { Costs } from "../../../../bench/fleet-model/costs.ts";
import type { Fleet } from "../../../../bench/fleet-model/fleet.ts";

/** Round figures, so that the right answers can be worked out by hand. */
export const COSTS: Costs = {
  producer: { jobUs: 10, itemUs: 0.1, turnUs: 100 },
  supervisor: { jobUs: 20, itemUs: 0.1, turnUs: 200 },
  child: { jobUs: 10, itemUs: 0.1, turnUs: 100 },
  redis: { jobUs: 20, itemUs: 0.1, turnUs: 300 },
  sharedJobUs: { producer: 0, supervisor: 0, child: 0, redis: 0 },
  coldStartUs: 0,
  turnMs: 5,
  mostTogether: 25,
  usableShare: 0.8,
  idleMachine: { supervisorUs: 2_000, redisUs: 500 },
  waitingMap: { producerUs: 0, redisUs: 0 },
  callMs: 1,
  gapMs: 1,
  memory: {
    producerMiB: 100,
    supervisorMiB: 80,
    childMiB: 50,
    redisMiB: 10,
    resultBytes: 64,
    jobBytes: 1_024,
    machineKiB: 128,
  },
  connections: { producer: 2, machine: 3 },
};

/** One machine of one process, with a core for each process. */
export const FLEET: Fleet = {
  producers: 1,
  machines: 1,
  processes: 1,
  concurrency: 1,
  shards: 1,
  redisShare: 1,
  redisPauseMs: 0,
  cores: Infinity,
};
