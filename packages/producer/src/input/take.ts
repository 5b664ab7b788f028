/**
 * Takes a copy of an item as it is now. While the item waits for the rest of its chunk, a generator may yield the same
 * object again, changed, and a program may change what it passed to a call.
 */

import { types } from "node:util";

import { Attachments, decode, encode } from "@poolmq/shared/internal";
import type { ArgumentForm } from "@poolmq/shared/internal";

import { Shared } from "./shared.ts";

/** Stands for an item that could not be sent when it was taken. */
export class Refused {
  readonly #error: unknown;

  constructor(error: unknown) {
    this.#error = error;
  }

  /** Makes `instanceof` read nothing of the value, since a proxy may throw at any access. */
  static [Symbol.hasInstance](value: unknown): value is Refused {
    return typeof value === "object" && value !== null && #error in value;
  }

  get error(): unknown {
    return this.#error;
  }
}

/** Gives the item itself if it is immutable, else a copy; a {@link Refused} if it can't be sent. */
export function take(form: ArgumentForm, item: unknown): unknown {
  if (isFixed(item)) return item;
  try {
    return form === "tuple" && Array.isArray(item) ? copyOfTuple(item) : copyOf(item);
  } catch (error) {
    return new Refused(error);
  }
}

function copyOfTuple(tuple: readonly unknown[]): readonly unknown[] {
  if (tuple.every(isFixed)) return Array.from(tuple);
  if (tuple.length === 1) return [copyOf(tuple[0])];
  // The arguments of one call are copied together, because they may share objects. Handles of shared values are not
  // copied.
  const copy = copyOf(tuple.map((value) => (value instanceof Shared ? null : value))) as unknown[];
  return copy.map((value, position) => (tuple[position] instanceof Shared ? tuple[position] : value));
}

/** Whether the value is immutable. Handles of shared values count as such. */
function isFixed(value: unknown): boolean {
  return (
    (typeof value !== "object" && typeof value !== "function") || value === null || value instanceof Shared
  );
}

/** @throws as `encode` */
function copyOf(value: unknown): unknown {
  const plain = plainCopy(value);
  if (plain !== NOT_PLAIN) return plain;
  const attachments = new Attachments();
  const payload = encode(value, { role: "argument", attachments });
  return decode(payload, { bytes: attachments.bytes });
}

const NOT_PLAIN = Symbol("not plain");

/** Up to this many objects and elements, copying by hand is faster than the codec. */
const FEW = 32;

/** Copies small records and bytes, as most items are, in a fraction of the codec's time. */
function plainCopy(value: unknown): unknown {
  try {
    return walk(value, []);
  } catch {
    return NOT_PLAIN; // a getter threw: the codec meets it again and reports it
  }
}

function walk(value: unknown, seen: object[]): unknown {
  if (typeof value === "function" || typeof value === "symbol") return NOT_PLAIN;
  if (typeof value !== "object" || value === null) return value;
  // An object that occurs twice is left to the codec, which keeps identity.
  if (types.isProxy(value) || seen.length === FEW || seen.includes(value)) return NOT_PLAIN;
  seen.push(value);
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Array.prototype) return Array.isArray(value) ? walkArray(value, seen) : NOT_PLAIN;
  if (prototype === Object.prototype) return walkObject(value, seen);
  return types.isUint8Array(value) ? bytesOf(value, prototype) : NOT_PLAIN;
}

function walkArray(array: readonly unknown[], seen: object[]): unknown {
  if (array.length > FEW || Object.keys(array).length !== array.length) return NOT_PLAIN;
  const copy: unknown[] = [];
  for (let at = 0; at < array.length; at++) {
    const item = Object.hasOwn(array, at) ? walk(array[at], seen) : NOT_PLAIN;
    if (item === NOT_PLAIN) return NOT_PLAIN;
    copy.push(item);
  }
  return copy;
}

function walkObject(object: object, seen: object[]): unknown {
  if (types.isArgumentsObject(object)) return NOT_PLAIN;
  const copy: Record<string, unknown> = {};
  for (const key of Object.keys(object)) {
    // Assigning this key would change the prototype.
    if (key === "__proto__") return NOT_PLAIN;
    const item = walk((object as Record<string, unknown>)[key], seen);
    if (item === NOT_PLAIN) return NOT_PLAIN;
    copy[key] = item;
  }
  return copy;
}

function bytesOf(bytes: Uint8Array, prototype: unknown): unknown {
  // The codec refuses shared memory, and reports memory that was transferred.
  if (bytes.length === 0 || types.isSharedArrayBuffer(bytes.buffer)) return NOT_PLAIN;
  if (prototype === Buffer.prototype) return Buffer.from(bytes);
  return prototype === Uint8Array.prototype ? bytes.slice() : NOT_PLAIN;
}
