/**
 * The arguments of a job's items, each item's encoded apart from the others':
 *
 *   payload of several values         the argument tuples
 *   `*` and a payload of several      the one argument of each item: without the brackets, and without an array each
 */

import { decodeEach, encodeEach } from "./encode-each.ts";
import type { EncodeOptions } from "./codec.ts";
import type { Payload } from "../wire.ts";

/** Marks arguments that are no tuples. No other payload starts with it. */
const ONE_MARK = "*";

/** The form of each item's arguments: a single argument, or a tuple. */
export type ArgumentForm = "one" | "tuple";

/** Encodes the arguments of consecutive items. @throws as {@link encodeEach} */
export function encodeArguments(
  form: ArgumentForm,
  values: readonly unknown[],
  options: EncodeOptions,
): Payload {
  const payload = encodeEach(values, options);
  return form === "one" ? ONE_MARK + payload : payload;
}

/**
 * Gives what {@link encodeArguments} was given.
 *
 * @param bytes - the bytes that travelled beside the text
 * @throws DecodeError, LimitError
 */
export function decodeArguments(
  payload: Payload,
  bytes?: Buffer,
): {
  readonly form: ArgumentForm;
  readonly values: unknown[];
} {
  return payload.startsWith(ONE_MARK)
    ? { form: "one", values: decodeEach(payload.slice(ONE_MARK.length), bytes) }
    : { form: "tuple", values: decodeEach(payload, bytes) };
}
