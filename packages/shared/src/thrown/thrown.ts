/**
 * What user code threw, as text and back. Anything can be thrown: errors come back as themselves (see
 * {@link decodeThrown}), other values as what they were.
 */

// Not the global: a task may put something else in its place.
import { Buffer } from "node:buffer";

import { decode, encode } from "../values/codec.ts";
import { isError } from "../values/safe-read.ts";
import { notSent, Portraitist } from "./portrait.ts";
import type { Carried, Portrait } from "./portrait.ts";
import { rebuild } from "./rebuild.ts";
import { findUncloneable } from "../values/uncloneable.ts";
import type { Payload, RemoteInfo } from "../wire.ts";

/** Options of {@link encodeThrown}. */
export interface EncodeThrownOptions {
  /** Largest payload, in bytes of UTF-8. Below about 1 KiB it can't be kept. @defaultValue no limit */
  readonly maxBytes?: number;
  /** The name that users know `maxBytes` by. @defaultValue `"maxBytes"` */
  readonly limit?: string;
  /** Cuts down the stack of each error. Must not throw. @defaultValue the stack as it is */
  readonly trimStack?: (stack: string) => string;
}

/** Options of {@link decodeThrown}. */
export interface DecodeThrownOptions {
  /** Classes by name: an error of a class of that name, if it extends `Error`, comes back as its instance. */
  readonly classes?: ReadonlyMap<string, unknown>;
  /** Largest payload, in bytes of UTF-8. @defaultValue no limit */
  readonly maxBytes?: number;
  /** The name that users know `maxBytes` by. @defaultValue `"maxBytes"` */
  readonly limit?: string;
}

/** Longest name and text of a property that is kept when an error is cut down to its limit. */
const SHORT_TEXT = 200;
/** The size to which an error is cut down if V8's longest string is the only limit. */
const CUT_BYTES = 8 * 1024 * 1024;
/** Levels of nesting of a portrait, which bounds its own parts more tightly. */
const MAX_DEPTH = 1_000;

/**
 * A thrown value as text. Never throws, whatever was thrown.
 *
 * What can't be sent is replaced by a text that says so, `[not sent: a function]`, in the property or the part of it
 * where it lies; the rest is kept. A thrown function, symbol, promise and the like becomes a `SerializationError`. What
 * is larger than `maxBytes` keeps its names, its short properties and the start of its message and stack.
 */
export function encodeThrown(thrown: unknown, options: EncodeThrownOptions = {}): Payload {
  for (const describe of [whole, cutDown, unknownThrown]) {
    try {
      return encode(describe(thrown, options), { ...options, maxDepth: MAX_DEPTH });
    } catch {
      // Too large, or it changed while it was read: try the next, shorter form.
    }
  }
  return encode(unknownThrown());
}

/**
 * The thrown value that {@link encodeThrown} was given.
 *
 * An error is an instance of its built-in class (the nearest one, for a class that this process does not have), or of
 * its own class if that is in `classes`; no constructor is called. It has the name, message, stack, own enumerable
 * properties, `cause` and `errors` of the original, and prints like it.
 *
 * @throws {@link DecodeError} if the text is not what `encodeThrown` makes.
 * @throws {@link LimitError} if it is too large.
 */
export function decodeThrown(payload: Payload, options: DecodeThrownOptions = {}): unknown {
  return rebuild(decode(payload, options), options.classes ?? new Map());
}

/**
 * Says on a thrown value where it came from. The property is not enumerable: `console.log`, loggers and deep comparisons
 * then see what was thrown, and two failures of the same item compare equal. What can't take a property (primitives,
 * frozen objects) is left as it is.
 */
export function attachRemote(error: unknown, info: RemoteInfo): void {
  if (typeof error !== "object" || error === null) return;
  try {
    Reflect.defineProperty(error, "remote", {
      value: info,
      enumerable: false,
      writable: true,
      configurable: true,
    });
  } catch {
    // A proxy's trap threw. The value matters more than where it came from.
  }
}

function whole(thrown: unknown, { trimStack }: EncodeThrownOptions): Carried {
  const fault = isError(thrown) ? undefined : findUncloneable(thrown, MAX_DEPTH);
  if (fault?.kind === "uncloneable" && fault.path === "") {
    const message = `The function threw ${fault.what}, which can't be sent to another process. Throw an Error instead.`;
    return { e: ownError("SerializationError", message, { code: "SERIALIZATION", path: "" }) };
  }
  return new Portraitist(trimStack).carry(thrown);
}

function cutDown(
  thrown: unknown,
  { maxBytes = CUT_BYTES, limit = "maxBytes", trimStack }: EncodeThrownOptions,
): Carried {
  const tooLarge = `larger than \`${limit}\` (${maxBytes} bytes)`;
  if (!isError(thrown)) {
    const message = `The function threw a value ${tooLarge}. Throw less: a path or a key instead of the data.`;
    return { e: ownError("LimitError", message, { code: "LIMIT_EXCEEDED", limit, max: maxBytes }) };
  }
  // A quarter for each of message, stack and properties. A character takes up to 6 bytes of JSON.
  const quarter = Math.floor(maxBytes / 4);
  const longestText = Math.floor(quarter / 6);
  const portrait = new Portraitist(trimStack).draw(thrown);
  const { stack, props = [], hidden = [] } = portrait;
  const kept: [string, Carried][] = [];
  let size = 0;
  for (const [key, value] of [...props, ...hidden]) {
    if (value === undefined) continue; // name, message or stack
    const isShort = "v" in value && isShortPrimitive(value.v);
    const pair: [string, Carried] = [
      key,
      isShort ? value : { v: notSent(`a property of an error ${tooLarge}`) },
    ];
    const bytes = Buffer.byteLength(JSON.stringify(pair));
    if (size + bytes > quarter) continue;
    size += bytes;
    kept.push(pair);
  }
  return {
    e: {
      ...portrait,
      name: portrait.name.slice(0, SHORT_TEXT),
      class: portrait.class.slice(0, SHORT_TEXT),
      message: cut(portrait.message, longestText),
      ...(stack === undefined ? {} : { stack: cut(stack, longestText) }),
      props: kept,
      hidden: [],
    },
  };
}

function unknownThrown(): Carried {
  const message = "The function threw something that can't be described";
  return { e: ownError("SerializationError", message, { code: "SERIALIZATION", path: "" }) };
}

function ownError(name: string, message: string, facts: Readonly<Record<string, unknown>>): Portrait {
  const props = Object.entries(facts).map(([key, v]): [string, Carried] => [key, { v }]);
  return { kind: "Error", class: name, name, message, props, own: true };
}

function isShortPrimitive(value: unknown): boolean {
  if (typeof value === "string") return value.length <= SHORT_TEXT;
  return value === null || typeof value === "number" || typeof value === "boolean" || value === undefined;
}

function cut(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length)}… [cut: ${text.length} characters]`;
}
