/**
 * The codec's fast path: JSON text for values that JSON carries without loss.
 *
 * The text is built while walking, so each property is read once and what was checked is what is written (checking
 * first and calling `JSON.stringify` after would read getters twice).
 */

import { inspect, types } from "node:util";

// Kept from before any task is loaded, since a task may replace the global's methods.
const { stringify } = JSON;

/** Up to this many objects are looked up in an array, which is faster than making a `Set`. */
const FEW = 8;

/** Above this length, listing an array's keys costs more than asking `inspect` for them (measured: near 50). */
const SHORT_ARRAY = 48;

/** Up to this length, an array of nothing but holes is walked in a few milliseconds. */
export const LONG_ARRAY = 100_000;

/** For arrays as short as `[i]`, joining strings is faster than `JSON.stringify`. */
const TINY_ARRAY = 4;

/**
 * From this length, arrays that are mostly fractions are left to the general form: V8 writes 5,000 doubles in a
 * seventh of the time that printing them in decimal takes, and in fewer bytes.
 */
const FRACTIONS = 128;

/** Key texts that are kept, and the longest of them: 100 kB at most. */
const MAX_KEY_TEXTS = 1_000;
const LONGEST_KEPT_KEY = 50;
const keyTexts = new Map<string, string>();

/**
 * JSON text of `value`, or `undefined` if JSON would not bring it back exactly as structured clone would: `undefined`,
 * `NaN`, `-0`, holes, extra properties on arrays, class instances, shared references and cycles, and nesting deeper
 * than `maxDepth`.
 */
export function toPlainJson(value: unknown, maxDepth: number): string | undefined {
  return textOf(value, maxDepth, new Seen());
}

function textOf(value: unknown, depthLeft: number, seen: Seen): string | undefined {
  switch (typeof value) {
    case "string":
      return stringify(value);
    case "number":
      return isPlainNumber(value) ? `${value}` : undefined;
    case "boolean":
      return value ? "true" : "false";
    case "object":
      if (value === null) return "null";
      // A proxy is refused before anything touches it: structured clone does not carry it, and its traps may throw.
      if (depthLeft === 0 || types.isProxy(value) || !seen.add(value)) return undefined;
      return Array.isArray(value) ? arrayText(value, depthLeft, seen) : objectText(value, depthLeft, seen);
    default:
      return undefined;
  }
}

function arrayText(array: readonly unknown[], depthLeft: number, seen: Seen): string | undefined {
  if (Object.getPrototypeOf(array) !== Array.prototype || !hasOnlyElements(array)) return undefined;
  if (array.length > TINY_ARRAY && isFlat(array) && !("toJSON" in array)) {
    return isMostlyFractions(array) ? undefined : stringify(array);
  }
  let text = "[";
  for (let at = 0; at < array.length; at++) {
    const item = textOf(array[at], depthLeft - 1, seen);
    if (item === undefined) return undefined;
    text += at === 0 ? item : `,${item}`;
  }
  return `${text}]`;
}

function objectText(object: object, depthLeft: number, seen: Seen): string | undefined {
  const prototype: unknown = Object.getPrototypeOf(object);
  if ((prototype !== Object.prototype && prototype !== null) || types.isArgumentsObject(object))
    return undefined;
  let text = "{";
  // An own key `__proto__` is read and written like any other: JSON.parse makes it an own property again.
  for (const key of Object.keys(object)) {
    const item = textOf((object as Record<string, unknown>)[key], depthLeft - 1, seen);
    if (item === undefined) return undefined;
    text += text === "{" ? keyText(key) + item : `,${keyText(key)}${item}`;
  }
  return `${text}}`;
}

/** `"key":`, kept for the keys met first: records have the same few keys over and over. */
function keyText(key: string): string {
  const kept = keyTexts.get(key);
  if (kept !== undefined) return kept;
  const text = `${stringify(key)}:`;
  if (keyTexts.size < MAX_KEY_TEXTS && key.length <= LONGEST_KEPT_KEY) keyTexts.set(key, text);
  return text;
}

function isPlainPrimitive(value: unknown): boolean {
  if (typeof value === "number") return isPlainNumber(value);
  return typeof value === "string" || typeof value === "boolean" || value === null;
}

/** True if there are only plain primitives and no holes. */
function isFlat(array: readonly unknown[]): boolean {
  // `every` is twice as fast as a loop over arrays of all of V8's kinds, but it steps over holes, of which a long array
  // may have billions; the loop ends at the first, which it reads as undefined.
  if (array.length <= LONG_ARRAY) return array.every(isPlainPrimitive) && !array.includes(undefined);
  for (const item of array) if (!isPlainPrimitive(item)) return false;
  return true;
}

/** Guesses from three samples. A wrong guess costs only time. */
function isMostlyFractions(array: readonly unknown[]): boolean {
  const { length } = array;
  if (length < FRACTIONS) return false;
  const samples = [array[0], array[length >> 1], array[length - 1]];
  return samples.every((sample) => typeof sample === "number" && !Number.isInteger(sample));
}

function isPlainNumber(number: number): boolean {
  return Number.isFinite(number) && !Object.is(number, -0);
}

/**
 * True if a dense array has no enumerable properties beside its elements (`match()` results and d3's parsed rows have).
 * Listing the keys of a long array would cost as much as encoding it. `inspect` alone can list the others only, so it
 * is asked to print the array with no elements; any print but the expected one sends the array to the general form.
 */
export function hasOnlyElements(array: readonly unknown[]): boolean {
  if (array.length <= SHORT_ARRAY) return Object.keys(array).length === array.length;
  const print = inspect(array, {
    maxArrayLength: 0,
    depth: 0,
    customInspect: false,
    colors: false,
  });
  return print === `[ ... ${array.length} more items ]`;
}

/** The objects met so far: meeting one again means that identity has to be kept, which JSON can't. */
class Seen {
  readonly #few: object[] = [];
  #many: Set<object> | undefined;

  /** False if the object was there already. */
  add(object: object): boolean {
    if (this.#many) {
      const before = this.#many.size;
      return this.#many.add(object).size > before;
    }
    if (this.#few.includes(object)) return false;
    this.#few.push(object);
    if (this.#few.length === FEW) this.#many = new Set(this.#few);
    return true;
  }
}
