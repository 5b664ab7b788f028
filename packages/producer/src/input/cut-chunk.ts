import { Attachments, decodeArguments, encodeArguments } from "@poolmq/shared/internal";

import { itemsOf } from "./chunk.ts";
import type { Chunk } from "./chunk.ts";

/**
 * Leaves a chunk its first `items` items. Gives the others as chunks of about equal size; none if there are no others.
 */
export function cutChunk(chunk: Chunk, items: number): Chunk[] {
  const end = itemsOf(chunk);
  chunk.cut = Math.min(items, end);
  if (items >= end) return [];
  const { form, values } = decodeArguments(chunk.args, chunk.bytes);
  const size = Math.ceil((end - items) / Math.max(1, chunk.pieces ?? 1));
  const rest: Chunk[] = [];
  for (let start = items; start < end; start += size) {
    const some = values.slice(start, Math.min(start + size, end));
    // The items were sent once already, so they fit the limit and can be encoded.
    const attachments = new Attachments();
    const args = encodeArguments(form, some, { role: "argument", attachments });
    rest.push({ at: chunk.at + start, n: some.length, args, bytes: attachments.bytes, shares: chunk.shares });
  }
  return rest;
}
