/** Outcomes of chunks of which items were asked back: they may be for fewer items than were sent, or for more than are left. */

import { decodeEach, encodeEach } from "@poolmq/shared/internal";
import type { ItemOutcome, OutcomeText } from "@poolmq/shared/internal";

/** What the first items of a chunk came to. */
export interface FirstOutcomes {
  readonly items: number;
  readonly text: OutcomeText;
}

/**
 * Gives the outcomes of as many items as there are in the text, `most` at most; `undefined` if it can't be read so, and is to
 * be taken as it is.
 *
 * @param bytes - that the text names
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
    // A machine that can't read a job does not know how many items it has: this is said of all of them.
    if (first?.s === "failed" && first.failure.code === "CORRUPT_JOB") return undefined;
    if (outcomes.length <= most) return { items: outcomes.length, text };
    return { items: most, text: `!${JSON.stringify(outcomes.slice(0, most))}` };
  } catch {
    return undefined;
  }
}
