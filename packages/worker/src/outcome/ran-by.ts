import type { JobData } from "@poolmq/shared/internal";

import type { RunEnd } from "../runs/run.ts";

/** Writes the part of a `RanText` that says what ran a job, how often it was tried, and what was lost with it. */
export function ranBy(
  worker: string,
  end: Extract<RunEnd, { readonly pid: number }>,
  job: { readonly attemptsMade: number; readonly stalledCounter: number },
  data: JobData,
): string {
  const who = `${worker} ${end.pid}`;
  const attempt = job.attemptsMade + 1;
  const losses = job.stalledCounter + (data.suspect?.losses ?? 0) + (end.kind === "lost" ? 1 : 0);
  if (data.backup === true) return `${who} ${attempt} ${losses} backup`;
  return attempt === 1 && losses === 0 ? who : `${who} ${attempt} ${losses}`;
}
