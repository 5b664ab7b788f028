import { InvalidOptionError } from "@poolmq/shared";
import type { LargestValue } from "@poolmq/shared/redis";

/**
 * Bytes that Redis keeps for each item of a durable map in one string: a digest by which the arguments are recognized.
 */
const DIGEST_BYTES = 4;

/** Redis's default limit of a string, in bytes. */
const LONGEST_STRING_BYTES = 512 * 1024 * 1024;

/**
 * Refuses a durable map with more items than fit into that string.
 *
 * @param largest - the largest value that the server takes, if it limits that
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
