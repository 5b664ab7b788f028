import { jobIdOf } from "@poolmq/shared/redis";

import type { JobContext, JobInHand } from "./context/job-context.ts";

/**
 * How often a machine leaves a backup of its own run to the others, 100 ms each time. If they are all busy then, it runs
 * the backup itself: only one of its processes may be slow.
 */
const OFFERS = 5;

/** Whether a backup should run on another machine: this one runs the chunk already, and another one has the task. */
export async function belongsElsewhere(
  { runs, fleet, machine, seals }: JobContext,
  { job, data }: JobInHand,
): Promise<boolean> {
  if (job.attemptsStarted > OFFERS || !runs.has(jobIdOf(data.map, data.at))) return false;
  const others = (await fleet.live()).filter((other) => other.id !== machine.id && seals.believes(other));
  return others.some(
    ({ tasks, codeVersion }) =>
      Object.hasOwn(tasks, job.name) && (data.codeVersion === undefined || codeVersion === data.codeVersion),
  );
}
