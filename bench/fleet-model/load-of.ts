/** What some work cost each part of a fleet that runs. */

import { medianOf } from "../harness/rounds.ts";
import type { FleetUse, RunningFleet } from "../harness/running-fleet.ts";
import type { Costs } from "./costs.ts";
import type { Load } from "./parts-of.ts";

/**
 * The median of each figure over some loads of the same work: one map differs from the next by a tenth, and sometimes by a
 * fifth.
 */
export function medianLoad(loads: readonly Load[]): Load {
  const of = (figure: (load: Load) => number): number => medianOf(loads.map(figure));
  return {
    producer: of(({ producer }) => producer),
    supervisor: of(({ supervisor }) => supervisor),
    child: of(({ child }) => child),
    redis: of(({ redis }) => redis),
    scripts: of(({ scripts }) => scripts),
    jobsPerS: of(({ jobsPerS }) => jobsPerS),
    machines: of(({ machines }) => machines),
  };
}

/**
 * CPU time of each part while `work` went on, for each of its jobs. What idle machines need by the clock is not counted.
 */
export async function loadOf(
  fleet: RunningFleet,
  jobs: number,
  idle: Costs["idleMachine"],
  work: () => Promise<unknown>,
): Promise<Load> {
  const [server] = fleet.setup.servers;
  const scripts = async (): Promise<number> => (await server?.scripts()) ?? 0;
  await fleet.collect();
  const [before, scriptsBefore, started] = [await fleet.use(), await scripts(), performance.now()];
  await work();
  const ms = performance.now() - started;
  const [after, scriptsAfter] = [await fleet.use(), await scripts()];
  const us = (part: (use: FleetUse) => number): number => ((part(after) - part(before)) * 1e6) / jobs;
  const idleS = (ms / 1_000 / jobs) * fleet.machines.length;
  return {
    producer: us(({ producers }) => producers.cpuSeconds),
    supervisor: us(({ supervisors }) => supervisors.cpuSeconds) - idle.supervisorUs * idleS,
    child: us(({ children }) => children.cpuSeconds),
    redis: us(({ redis }) => redis) - idle.redisUs * idleS,
    scripts: (scriptsAfter - scriptsBefore) / jobs,
    jobsPerS: (1_000 * jobs) / ms,
    machines: fleet.machines.length,
  };
}
