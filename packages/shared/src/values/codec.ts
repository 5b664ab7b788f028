/**
 * Values as text, and back. Three forms, told apart by the first character:
 *
 *   JSON text   for what JSON carries without loss, which most arguments and results are: 20 times faster for `[1]`
 *   `~` base64  of V8's structured clone format, for everything else that structured clone carries
 *   `@` place of such bytes beside the text, if they are large and the way has room for them (`attachments.ts`)
 *
 * None holds a raw tab or newline, and nothing in a payload is ever run: a decoded value is data.
 */

// Not the global: a task may put something else in its place.
import { Buffer, constants } from "node:buffer";

import { ATTACHMENT_MARK, attachmentOf } from "./attachments.ts";
import type { Attachments } from "./attachments.ts";
import { fromCloneBytes, isTooSparse, toCloneBytes } from "./clone.ts";
import { DecodeError, LimitError, SerializationError } from "../errors/item-errors.ts";
import { isDeeper } from "./json-depth.ts";
import { toPlainJson } from "./plain-json.ts";
import { findUncloneable } from "./uncloneable.ts";
import type { Payload } from "../wire.ts";

// Kept from before any task is loaded, since a task may replace the global's methods.
const { parse } = JSON;

/** Marks the general form. No JSON text starts with it. */
const CLONE_MARK = "~";

/**
 * From this size on, the general form is attached. Below, base64 is cheaper than a field in Redis and a block on the
 * pipe.
 */
const ATTACHED_BYTES = 16 * 1024;

/**
 * Levels of nesting that a value may have. V8's serializer recurses on the native stack, which ends near 1,500 levels
 * of plain objects on Node 22, and the caller has used some of it.
 */
const DEFAULT_MAX_DEPTH = 1_000;

/** Options of {@link encode}. */
export interface EncodeOptions {
  /** What the value is, for the message of an error. @defaultValue `"value"` */
  readonly role?: "argument" | "result" | "value";
  /** Largest payload, in bytes of UTF-8 and of what is attached. @defaultValue no limit */
  readonly maxBytes?: number;
  /** The name that users know `maxBytes` by, for the message of the error. @defaultValue `"maxBytes"` */
  readonly limit?: string;
  /** Receives large values in the general form. @defaultValue they are put into the text */
  readonly attachments?: Attachments | undefined;
  /**
   * Deepest nesting: `[[1]]` has two levels. Above the default, what needs the general form may still end at V8's own
   * limit, near 1,500. @defaultValue 1,000
   */
  readonly maxDepth?: number;
}

/** Options of {@link decode}. */
export interface DecodeOptions {
  /** Largest payload, in bytes of UTF-8, checked before anything is decoded. @defaultValue no limit */
  readonly maxBytes?: number;
  /** The name that users know `maxBytes` by, for the message of the error. @defaultValue `"maxBytes"` */
  readonly limit?: string;
  /** Deepest nesting. @defaultValue 1,000 */
  readonly maxDepth?: number;
  /** The bytes that travelled beside the text. */
  readonly bytes?: Buffer | undefined;
}

/**
 * The value as text, from which {@link decode} makes what structured clone would have made: `undefined`, `NaN`, `-0`,
 * `BigInt`, `Date`, `Map`, cycles and shared references come back, an instance of a class comes back as a plain object
 * of its own enumerable properties. Unlike structured clone, a `Buffer` comes back as a `Buffer`, and of a view only the
 * bytes that it shows are sent, not all of the memory behind it (so two views of one `ArrayBuffer` come back apart).
 *
 * @throws {@link SerializationError} if something in the value can't be carried; it says what and where.
 * @throws {@link LimitError} if the value is nested too deep or its payload is too large.
 */
export function encode(value: unknown, options: EncodeOptions = {}): Payload {
  const payload = plainPayload(value, options) ?? clonePayload(value, options);
  const { maxBytes } = options;
  // Three bytes is the most that a UTF-16 unit takes, so that short payloads need no count.
  if (maxBytes !== undefined && payload.length * 3 > maxBytes) {
    const bytes = Buffer.byteLength(payload);
    if (bytes > maxBytes) throw tooLarge(`The encoded ${roleOf(options)}`, bytes, options);
  }
  return payload;
}

/**
 * The value that {@link encode} was given.
 *
 * @throws {@link DecodeError} if the text is not a payload, or a damaged one.
 * @throws {@link LimitError} if it is too large, or the value nested too deep.
 */
export function decode(payload: Payload, options: DecodeOptions = {}): unknown {
  if (typeof payload !== "string") {
    throw new DecodeError(
      `Expected a payload to be a string, got ${payload === null ? "null" : typeof payload}`,
    );
  }
  const { maxBytes, maxDepth = DEFAULT_MAX_DEPTH } = options;
  if (maxBytes !== undefined && payload.length * 3 > maxBytes) {
    const bytes = Buffer.byteLength(payload);
    if (bytes > maxBytes) throw tooLarge("The payload", bytes, options);
  }
  const isAttached = payload.startsWith(ATTACHMENT_MARK);
  const isClone = isAttached || payload.startsWith(CLONE_MARK);
  // Text is measured before it is parsed; the general form has no brackets to count, and V8 guards its own stack.
  if (!isClone && isDeeper(payload, maxDepth)) throw tooDeep("The payload", maxDepth);
  let value: unknown;
  try {
    if (isAttached) value = fromCloneBytes(attachmentOf(payload, options.bytes));
    else if (isClone) value = fromCloneBytes(Buffer.from(payload.slice(CLONE_MARK.length), "base64"));
    else value = parse(payload);
  } catch (error) {
    if (error instanceof DecodeError) throw error;
    throw new DecodeError(`A payload can't be decoded: ${reasonOf(error)}`, { cause: error });
  }
  if (isClone && findUncloneable(value, maxDepth)?.kind === "depth") throw tooDeep("The payload", maxDepth);
  return value;
}

/** The payload with its bytes in the text, for places that can't hold bytes beside it. */
export function inText(payload: Payload, bytes: Buffer | undefined): Payload {
  if (!payload.startsWith(ATTACHMENT_MARK)) return payload;
  return CLONE_MARK + attachmentOf(payload, bytes).toString("base64");
}

function plainPayload(value: unknown, { maxDepth = DEFAULT_MAX_DEPTH }: EncodeOptions): Payload | undefined {
  try {
    return toPlainJson(value, maxDepth);
  } catch {
    // A getter threw, the stack is full, or a string exceeds V8's longest. The general form meets the same again and
    // reports it.
    return undefined;
  }
}

function clonePayload(value: unknown, options: EncodeOptions): Payload {
  const { maxDepth = DEFAULT_MAX_DEPTH, maxBytes, attachments } = options;
  const role = roleOf(options);
  const fault = findUncloneable(value, maxDepth);
  if (fault?.kind === "depth") throw tooDeep(`The ${role}`, maxDepth);
  if (fault) {
    const { what, path } = fault;
    throw new SerializationError({ what, path, role }, "cause" in fault ? { cause: fault.cause } : undefined);
  }
  let bytes: Buffer;
  try {
    bytes = toCloneBytes(value);
  } catch (error) {
    if (error instanceof RangeError) throw tooDeep(`The ${role}`, Math.min(maxDepth, DEFAULT_MAX_DEPTH));
    // V8's own message is left out, because it shows the whole value, which may be `process.env`.
    const what =
      "or holds an object that V8 does not clone (such as process.env: copy it with { ...process.env })";
    throw new SerializationError({ what, path: "", role });
  }
  if (isTooSparse(bytes)) {
    throw new SerializationError({ what: "or holds an array with millions of holes", path: "", role });
  }
  const isAttached = attachments !== undefined && bytes.length >= ATTACHED_BYTES;
  // Checked before the text is made, which takes a third more memory than the bytes.
  const size = isAttached ? bytes.length : CLONE_MARK.length + Math.ceil(bytes.length / 3) * 4;
  if (size > Math.min(maxBytes ?? Number.POSITIVE_INFINITY, constants.MAX_STRING_LENGTH)) {
    throw tooLarge(`The encoded ${role}`, size, options);
  }
  return isAttached ? attachments.add(bytes) : CLONE_MARK + bytes.toString("base64");
}

function roleOf({ role = "value" }: EncodeOptions): "argument" | "result" | "value" {
  return role;
}

function tooLarge(what: string, got: number, { maxBytes, limit = "maxBytes" }: EncodeOptions): LimitError {
  return new LimitError({
    what,
    limit,
    max: maxBytes ?? constants.MAX_STRING_LENGTH,
    got,
    unit: "bytes",
  });
}

function tooDeep(what: string, max: number): LimitError {
  return new LimitError({ what, limit: "maxDepth", max, got: max + 1, unit: "levels or more" });
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message.slice(0, 200) : "unknown error";
}
