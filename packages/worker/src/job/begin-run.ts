import { jobIdOf } from "@poolmq/shared/redis";

import type { Run, RunEnd } from "../runs/run.ts";
import type { JobContext, JobInHand } from "./context/job-context.ts";

const CALLED_OFF: RunEnd = { kind: "cancelled" };

interface Begins {
  readonly unwanted: Pick<JobContext["unwanted"], "knows">;
  readonly settled: Pick<JobContext["settled"], "has">;
  readonly crew: Pick<JobContext["crew"], "run">;
}

/**
 * Begins a run, unless it was called off since its job was admitted, while its arguments were fetched or it waited for a
 * permit: its map was cancelled, or its chunk was run elsewhere too and has its outcome. The crew was told of that before it
 * had the run, so nobody would stop it.
 */
export function beginRun(
  { unwanted, settled, crew }: Begins,
  { job: { id = "" }, data }: { readonly job: { readonly id?: string }; readonly data: JobInHand["data"] },
  run: Run,
): Promise<RunEnd> {
  if (unwanted.knows(data.map)) return Promise.resolve(CALLED_OFF);
  // A backup has an id of its own.
  const isSettled = settled.has(data.backup === true ? jobIdOf(data.map, data.at) : id, data);
  if (isSettled === false) return crew.run(run);
  return isSettled.then((is) => (is ? CALLED_OFF : crew.run(run)));
}
