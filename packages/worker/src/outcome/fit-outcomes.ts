import { encodeThrown, LimitError, toJson } from "@poolmq/shared/task";
import type { ItemOutcome, OutcomeText, RemoteInfo } from "@poolmq/shared/internal";

import type { OutcomeLimit } from "../item/outcome-writer.ts";

/**
 * Makes the outcomes of a job fit into what Redis takes in one piece: the largest results become errors of their items,
 * until there is room for the others. A child does that itself for a normal run; this is for careful runs, whose items
 * come one by one.
 */
export function fitOutcomes(
  text: OutcomeText,
  limit: OutcomeLimit,
  info: (offset: number) => RemoteInfo,
): OutcomeText {
  if (!text.startsWith("!") || text.length <= limit.maxBytes) return text;
  const outcomes = JSON.parse(text.slice(1)) as ItemOutcome[];
  const sizes = outcomes.map((outcome) => toJson(outcome).length);
  let left = text.length;
  const largestFirst = [...sizes.keys()].toSorted((a, b) => (sizes[b] ?? 0) - (sizes[a] ?? 0));
  for (const offset of largestFirst) {
    if (left <= limit.maxBytes) break;
    const failed = tooLarge(sizes[offset] ?? 0, limit, info(offset));
    left += toJson(failed).length - (sizes[offset] ?? 0);
    outcomes[offset] = failed;
  }
  return `!${toJson(outcomes)}`;
}

function tooLarge(got: number, { maxBytes: max, limit }: OutcomeLimit, by: RemoteInfo): ItemOutcome {
  const what = "The chunk of this item, with its encoded result,";
  const error = new LimitError({ what, limit, max, got: Math.max(got, max + 1), unit: "bytes" });
  return { s: "threw", thrown: encodeThrown(error), by, final: true };
}
