/** Jobs of which items were taken back before they began. */

import type { JobData } from "@poolmq/shared/internal";

import type { RunEnd } from "../runs/run.ts";

/**
 * Whether items of the job may be taken back that have not begun. Not of one that runs again: its items have attempts,
 * losses and outcomes behind them that would be lost. Nor of one whose results are folded: of their value, nobody could tell
 * of how many items it is.
 */
export function mayBeCut({ n, kept, suspect, reduce }: JobData, attempt: number): boolean {
  return n > 1 && reduce === undefined && attempt === 1 && kept === undefined && suspect === undefined;
}

/** The data of a job after a run, in which it may have been cut: it may have been cut before. */
export function afterCut(data: JobData, end: RunEnd): JobData {
  const cut = "cut" in end ? end.cut : undefined;
  return cut === undefined || cut >= (data.cut ?? data.n) ? data : { ...data, cut };
}

/** Offsets of the items of a job that are not to be run: they have their outcome, or were taken back. */
export function skippedOf({ n, kept, cut = n }: Pick<JobData, "n" | "kept" | "cut">): number[] {
  const skipped = kept?.map(([offset]) => offset) ?? [];
  for (let offset = cut; offset < n; offset++) skipped.push(offset);
  return skipped;
}
