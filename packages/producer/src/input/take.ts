/**
 * Takes an item as it is now. A generator may yield one object again and again, and a program may change what it gave to
 * a call, while the item waits for the rest of its chunk.
 */

import { types } from "node:util";

import { Attachments, decode, encode } from "@poolmq/shared/internal";
import type { ArgumentForm } from "@poolmq/shared/internal";

import { Shared } from "./shared.ts";

/** Stands for an item that can't be sent, as it was when it was taken. */
export class Refused {
  readonly #error: unknown;

  constructor(error: unknown) {
    this.#error = error;
  }

  /** For `instanceof`: nothing of the value is read, since a proxy may throw at whatever it is asked. */
  static [Symbol.hasInstance](value: unknown): value is Refused {
    return typeof value === "object" && value !== null && #error in value;
  }

  get error(): unknown {
    return this.#error;
  }
}

/** Gives the item, or a copy of it if it can be changed; a {@link Refused} if it can't be sent. */
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
  // The arguments of one call are copied together: they may hold the same object. Handles of shared values stay.
  const copy = copyOf(tuple.map((value) => (value instanceof Shared ? null : value))) as unknown[];
  return copy.map((value, position) => (tuple[position] instanceof Shared ? tuple[position] : value));
}

/** Whether nobody can change it. A handle of a shared value stays what it is. */
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

/** Up to so many objects and elements, a walk is faster than the codec. */
const FEW = 32;

/** A copy of what most items are, small records and bytes, which takes a fraction of the codec's time. */
function plainCopy(value: unknown): unknown {
  try {
    return walk(value, []);
  } catch {
    return NOT_PLAIN; // a getter that throws: the codec meets it again and reports it
  }
}

function walk(value: unknown, seen: object[]): unknown {
  if (typeof value === "function" || typeof value === "symbol") return NOT_PLAIN;
  if (typeof value !== "object" || value === null) return value;
  // What is met again is left to the codec, which keeps identity.
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
    // Assigning it would change the prototype.
    if (key === "__proto__") return NOT_PLAIN;
    const item = walk((object as Record<string, unknown>)[key], seen);
    if (item === NOT_PLAIN) return NOT_PLAIN;
    copy[key] = item;
  }
  return copy;
}

function bytesOf(bytes: Uint8Array, prototype: unknown): unknown {
  // The codec refuses shared memory, and knows what to say of memory that was given away.
  if (bytes.length === 0 || types.isSharedArrayBuffer(bytes.buffer)) return NOT_PLAIN;
  if (prototype === Buffer.prototype) return Buffer.from(bytes);
  return prototype === Uint8Array.prototype ? bytes.slice() : NOT_PLAIN;
}
