/**
 * Several values in one payload, each as if it had been sent alone: what two of them share is not one object on arrival,
 * so that nothing depends on which values happened to travel together.
 *
 *   payload of an array   of one value, of primitives, or where JSON carries all of them (it knows no identity)
 *   `%` packed numbers    of many numbers
 *   `^` JSON string[]     else: a payload for each
 */

// Not the global: a task may put something else in its place.
import { Buffer } from "node:buffer";

import { decode, encode } from "./codec.ts";
import type { EncodeOptions } from "./codec.ts";
import { DecodeError, LimitError } from "../errors/item-errors.ts";
import { packNumbers, unpackNumbers } from "./packed-numbers.ts";
import { toPlainJson } from "./plain-json.ts";
import { toJson } from "./to-json.ts";
import type { Payload } from "../wire.ts";

// Kept from before any task is loaded, since a task may replace the global's methods.
const { parse: parseJson } = JSON;

/** Marks a list of payloads. No JSON text and no other payload starts with it. */
const LIST_MARK = "^";

/** Marks packed numbers. Nothing else starts with it either. */
const NUMBERS_MARK = "%";

/**
 * Encodes an array of values.
 *
 * @throws SerializationError if one of them can't be carried; LimitError if one is nested too deep, or if all of them
 * together have more than `maxBytes`
 */
export function encodeEach(values: readonly unknown[], options: EncodeOptions = {}): Payload {
  const { maxBytes, limit = "maxBytes", role = "value", attachments } = options;
  const before = attachments?.length ?? 0;
  const payload = numbersPayload(values) ?? plainPayload(values) ?? listPayload(values, options);
  const attached = (attachments?.length ?? 0) - before;
  // Three bytes is the most that a UTF-16 unit takes, so that short payloads need no count.
  if (maxBytes !== undefined && payload.length * 3 + attached > maxBytes) {
    const got = Buffer.byteLength(payload) + attached;
    if (got > maxBytes) {
      const what = values.length === 1 ? `The encoded ${role}` : `${values.length} encoded ${role}s`;
      throw new LimitError({ what, limit, max: maxBytes, got, unit: "bytes" });
    }
  }
  return payload;
}

/**
 * The values that {@link encodeEach} was given.
 *
 * @param bytes - the bytes that travelled beside the text
 * @throws DecodeError, LimitError
 */
export function decodeEach(payload: Payload, bytes?: Buffer): unknown[] {
  if (payload.startsWith(LIST_MARK)) {
    return listOf(parse(payload.slice(LIST_MARK.length))).map((part) => decode(part as Payload, { bytes }));
  }
  if (payload.startsWith(NUMBERS_MARK)) return unpackNumbers(payload.slice(NUMBERS_MARK.length));
  return listOf(decode(payload, { bytes }));
}

function numbersPayload(values: readonly unknown[]): Payload | undefined {
  const packed = packNumbers(values);
  return packed === undefined ? undefined : NUMBERS_MARK + packed;
}

function plainPayload(values: readonly unknown[]): Payload | undefined {
  try {
    return toPlainJson(values, MAX_LEVELS);
  } catch {
    return undefined; // the general form meets it again and reports it
  }
}

/** How deep values may be nested: the limit of the codec, counted below the array of the arguments. */
const MAX_LEVELS = 1_000;

function listPayload(values: readonly unknown[], options: EncodeOptions): Payload {
  // Primitives can't share anything, so they need no payload each.
  if (values.length === 1 || values.every(isPrimitive)) return encode(values, options);
  const parts = values.map((value) => encode(value, options));
  // If each value is plain by itself, they were not plain together only because they share objects.
  const arePlain = parts.every((part) => !/^[~@]/.test(part));
  return arePlain ? `[${parts.join(",")}]` : LIST_MARK + toJson(parts);
}

function isPrimitive(value: unknown): boolean {
  return (
    value === null || (typeof value !== "object" && typeof value !== "function" && typeof value !== "symbol")
  );
}

function parse(text: string): unknown {
  try {
    return parseJson(text);
  } catch (cause) {
    throw new DecodeError("A list of payloads can't be decoded", { cause });
  }
}

function listOf(value: unknown): unknown[] {
  if (Array.isArray(value)) return value as unknown[];
  throw new DecodeError(
    `Expected a payload of several values, got ${value === null ? "null" : typeof value}`,
  );
}
