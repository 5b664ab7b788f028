import type { LargestValue } from "@poolmq/shared/redis";

import type { OutcomeLimit } from "../item/outcome-writer.ts";

/**
 * By default, Redis takes values of 512 MiB, which is more than a child ever sends. A limit from this size on is
 * therefore ignored.
 */
const USUAL_LARGEST_BYTES = 256 * 1024 * 1024;

/** Redis's limit of an outcome, if that is lower than the child's own. */
export function outcomeLimit(
  largest: LargestValue | undefined,
  maxOutcomeBytes: number,
): OutcomeLimit | undefined {
  // Without further limits, a child keeps the outcomes of a job far below Redis's default.
  if (largest === undefined || largest.bytes >= USUAL_LARGEST_BYTES) return undefined;
  if (largest.bytes < maxOutcomeBytes)
    return { maxBytes: largest.bytes, limit: largest.setting, isForJob: true };
  return { maxBytes: maxOutcomeBytes, limit: "maxOutcomeBytes", isForJob: true };
}
