/** Rules for jobs that were cut: items of them were taken back before they began. */

import type { JobData } from "@poolmq/shared/internal";

import type { RunEnd } from "../runs/run.ts";

/**
 * Whether a job may be cut. Not if it runs again, because its items' attempts, losses and outcomes would be lost. Nor if
 * its results are folded, because the value does not say of how many items it is.
 */
export function mayBeCut({ n, kept, suspect, reduce }: JobData, attempt: number): boolean {
  return n > 1 && reduce === undefined && attempt === 1 && kept === undefined && suspect === undefined;
}

/** The data of a job after a run in which it may have been cut, perhaps not for the first time. */
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
