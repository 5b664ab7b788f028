/**
 * Reads outcomes of chunks of which items were asked back. They may be for fewer items than were sent, or for more than
 * the chunk kept.
 */

import { decodeEach, encodeEach, toJson } from "@poolmq/shared/internal";
import type { ItemOutcome, OutcomeText } from "@poolmq/shared/internal";

/** The outcomes of the first items of a chunk. */
export interface FirstOutcomes {
  readonly items: number;
  readonly text: OutcomeText;
}

/**
 * Gives the outcomes in the text, at most `most`; `undefined` if the text can't be divided, and is to be taken as it is.
 *
 * @param bytes - the bytes that the text names
 */
export function firstOutcomes(text: OutcomeText, most: number, bytes?: Buffer): FirstOutcomes | undefined {
  try {
    if (text.startsWith("=")) {
      const values = decodeEach(text.slice(1), bytes);
      if (values.length <= most) return { items: values.length, text };
      return { items: most, text: `=${encodeEach(values.slice(0, most), { role: "result" })}` };
    }
    const outcomes = JSON.parse(text.slice(1)) as readonly ItemOutcome[];
    const [first] = outcomes;
    // This failure is about all items: a machine that can't read a job does not know how many it has.
    if (first?.s === "failed" && first.failure.code === "CORRUPT_JOB") return undefined;
    if (outcomes.length <= most) return { items: outcomes.length, text };
    return { items: most, text: `!${toJson(outcomes.slice(0, most))}` };
  } catch {
    return undefined;
  }
}
