import type { LargestValue } from "@poolmq/shared/redis";

import type { OutcomeLimit } from "../item/outcome-writer.ts";

/** Redis takes values of 512 MiB, and all that a child gives, unless its settings say less. */
const USUAL_LARGEST_BYTES = 256 * 1024 * 1024;

/** What Redis takes of an outcome, where that is less than a child would give. */
export function outcomeLimit(
  largest: LargestValue | undefined,
  maxOutcomeBytes: number,
): OutcomeLimit | undefined {
  // A child keeps what it gives of a whole job far below what Redis takes unless it is told otherwise.
  if (largest === undefined || largest.bytes >= USUAL_LARGEST_BYTES) return undefined;
  if (largest.bytes < maxOutcomeBytes)
    return { maxBytes: largest.bytes, limit: largest.setting, isForJob: true };
  return { maxBytes: maxOutcomeBytes, limit: "maxOutcomeBytes", isForJob: true };
}
