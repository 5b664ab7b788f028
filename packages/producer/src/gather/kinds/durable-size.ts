import { InvalidOptionError } from "@poolmq/shared";
import type { LargestValue } from "@poolmq/shared/redis";

/** What Redis keeps of each item of a durable map in one string, by which it knows the arguments again. */
const DIGEST_BYTES = 4;

/** The longest string of a Redis that was not told otherwise, in bytes. */
const LONGEST_STRING_BYTES = 512 * 1024 * 1024;

/**
 * Refuses a durable map of more items than there is room for in Redis.
 *
 * @param largest - what the server takes at most, as far as it tells
 * @throws InvalidOptionError
 */
export function checkDurableSize(items: number, largest: LargestValue | undefined): void {
  const setting = "proto-max-bulk-len";
  const bytes = largest?.setting === setting ? largest.bytes : LONGEST_STRING_BYTES;
  const max = Math.floor(bytes / DIGEST_BYTES);
  if (items <= max) return;
  throw new InvalidOptionError(
    `Expected a map with a \`mapId\` to have at most ${max} items, got ${items}: what tells its items apart is one string in Redis, which has ${DIGEST_BYTES} bytes for each, and at most ${bytes} bytes by the server's \`${setting}\`. ` +
      "Give each part of the input a call with a `mapId` of its own, or put several things into one item",
  );
}
