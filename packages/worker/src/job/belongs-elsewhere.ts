import { jobIdOf } from "@poolmq/shared/redis";

import type { JobContext, JobInHand } from "./context/job-context.ts";

/**
 * A machine leaves a backup of what it runs itself to the others so many times, 100 ms each. If they are all busy then, its
 * own idle processes are better than none: only one of them may be slow.
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
