/** Finds what structured clone can't carry, and says where it lies. */

import { types } from "node:util";
import v8 from "node:v8";

import { isNodeObject } from "./node-objects.ts";
import { isNativeError } from "./safe-read.ts";
import { hasOnlyElements, LONG_ARRAY } from "./plain-json.ts";

/** Why a value can't be sent. */
export type Fault =
  | {
      readonly kind: "uncloneable";
      /** What it is, with its article: `a function`. */
      readonly what: string;
      /** Where it lies, such as `[0].user.callback`; `""` is the value itself. */
      readonly path: string;
      /** What was thrown while it was read, if anything was. */
      readonly cause?: unknown;
    }
  | { readonly kind: "depth" };

/** A property that marks objects which must not be sent as their data. Its value says what they are, with the article. */
export const REFUSED: unique symbol = Symbol.for("poolmq.refused") as never;

/** Longer keys are cut in paths. */
const LONGEST_KEY = 60;
/** Of longer paths, the start and the end are shown. */
const LONGEST_PATH = 400;

/**
 * The first thing in `value` that can't be sent, in the order of its properties, or `undefined`.
 *
 * It runs before V8's serializer, and not only to name the path: V8 writes some objects (`URL`, `Blob`,
 * `WebAssembly.Module`) as nothing and copies memory that was shared, both without an error.
 *
 * Shared references and cycles are visited once. Nothing is thrown, whatever getters do; proxies are not touched.
 */
export function findUncloneable(value: unknown, maxDepth: number): Fault | undefined {
  let fault: Found | undefined;
  try {
    fault = visit(value, maxDepth, new Set());
  } catch (error) {
    // Only an exhausted stack gets here: users' objects are read behind guards.
    if (error instanceof RangeError) return { kind: "depth" };
    return { kind: "uncloneable", what: "something that can't be read", path: "", cause: error };
  }
  if (!fault || fault.kind === "depth") return fault;
  const path = fault.segments.reverse().join("");
  const clipped = path.length > LONGEST_PATH ? `${path.slice(0, 200)}…${path.slice(-150)}` : path;
  const { what } = fault;
  return {
    kind: "uncloneable",
    what,
    path: clipped,
    ...("cause" in fault ? { cause: fault.cause } : {}),
  };
}

/**
 * A fault that was found. Each level adds its path segment on the way up, so that values without a fault cost nothing.
 */
type Found =
  | {
      readonly kind: "uncloneable";
      readonly what: string;
      readonly segments: string[];
      readonly cause?: unknown;
    }
  | { readonly kind: "depth" };

function visit(value: unknown, depthLeft: number, seen: Set<object>): Found | undefined {
  if (typeof value === "function" || typeof value === "symbol") return found(`a ${typeof value}`);
  if (typeof value !== "object" || value === null || seen.has(value)) return undefined;
  seen.add(value);
  if (types.isProxy(value)) return found("a Proxy");
  if (types.isDate(value) || types.isRegExp(value)) return undefined;
  if (types.isBoxedPrimitive(value)) return types.isSymbolObject(value) ? found("a symbol") : undefined;
  if (ArrayBuffer.isView(value)) return visitBuffer(value.buffer, "a view of ");
  if (types.isAnyArrayBuffer(value)) return visitBuffer(value, "");
  if (depthLeft === 0) return { kind: "depth" };
  const below = depthLeft - 1;
  if (types.isMap(value)) return visitMap(value, below, seen);
  if (types.isSet(value)) return visitSet(value, below, seen);
  // V8 would write an error without a message. A thrown DOMException travels as a portrait instead.
  if (value instanceof DOMException) return found("a DOMException");
  if (isNativeError(value)) {
    // Structured clone takes only name, message, stack and cause of an error.
    return Object.hasOwn(value, "cause") ? visitProperty(value, "cause", false, below, seen) : undefined;
  }
  const isArray = Array.isArray(value);
  if (isArray && isFlat(value)) return undefined;
  const keys = Object.keys(value);
  const exotic = isArray ? undefined : exoticName(value, keys.length === 0);
  if (exotic !== undefined) return found(exotic);
  for (const key of keys) {
    const fault = visitProperty(value, key, isArray, below, seen);
    if (fault) return fault;
  }
  return undefined;
}

/** A quick answer for the arrays of numbers and texts that the fast path leaves to V8. */
function isFlat(array: readonly unknown[]): boolean {
  return array.length <= LONG_ARRAY && !array.some(isCompound) && hasOnlyElements(array);
}

function isCompound(value: unknown): boolean {
  return typeof value === "object"
    ? value !== null
    : typeof value === "function" || typeof value === "symbol";
}

function visitProperty(
  object: object,
  key: string,
  isArray: boolean,
  depthLeft: number,
  seen: Set<object>,
): Found | undefined {
  let item: unknown;
  try {
    item = (object as Record<string, unknown>)[key];
  } catch (error) {
    return found("a property whose getter throws", segmentOf(key, isArray), error);
  }
  return within(visit(item, depthLeft, seen), () => segmentOf(key, isArray));
}

function visitMap(
  map: ReadonlyMap<unknown, unknown>,
  depthLeft: number,
  seen: Set<object>,
): Found | undefined {
  let index = 0;
  // Use the intrinsic iterator, as V8 does: a subclass may have its own.
  for (const [key, item] of Map.prototype.entries.call(map) as MapIterator<[unknown, unknown]>) {
    const at = index++;
    const fault =
      within(visit(key, depthLeft, seen), () => `.keys()[${at}]`) ??
      within(visit(item, depthLeft, seen), () =>
        isNameable(key) ? `.get(${quote(key)})` : `.values()[${at}]`,
      );
    if (fault) return fault;
  }
  return undefined;
}

function visitSet(set: ReadonlySet<unknown>, depthLeft: number, seen: Set<object>): Found | undefined {
  let index = 0;
  for (const item of Set.prototype.values.call(set) as SetIterator<unknown>) {
    const at = index++;
    const fault = within(visit(item, depthLeft, seen), () => `.values()[${at}]`);
    if (fault) return fault;
  }
  return undefined;
}

function visitBuffer(buffer: ArrayBufferLike, prefix: "" | "a view of "): Found | undefined {
  if (types.isSharedArrayBuffer(buffer)) return found(`${prefix}a SharedArrayBuffer`);
  return buffer.detached ? found(`${prefix}a detached ArrayBuffer`) : undefined;
}

/**
 * What an object is, if it is one that lives by more than its properties (`a Promise`, `a URL`, `a Generator`). Plain
 * objects and instances of ordinary classes give `undefined`: structured clone takes their own enumerable properties.
 */
function exoticName(object: object, isEmpty: boolean): string | undefined {
  if (types.isArgumentsObject(object)) return "an arguments object";
  if (types.isModuleNamespaceObject(object)) return "a module";
  const prototype: unknown = Object.getPrototypeOf(object);
  if (prototype === Object.prototype || prototype === null) return undefined;
  const refused = refusedAs(object);
  if (refused !== undefined) return refused;
  if (types.isKeyObject(object)) return "a KeyObject";
  const tag = tagOf(object);
  if (tag?.startsWith("WebAssembly.")) return withArticle(tag);
  // Named by its constructor, because a MessagePort has the tag of the EventTarget that it extends.
  if (tag !== undefined && isPlatformClass(object, tag)) return withArticle(classNameOf(object));
  // Iterators, `Intl` formats, weak references and other built-ins have no own properties, so V8's answer is about the
  // object itself.
  if (isEmpty && isRefused(object)) return withArticle(tag ?? classNameOf(object));
  if (isNodeObject(object, prototype)) return withArticle(classNameOf(object));
  return undefined;
}

/** Classes of the platform carry the name of a global as a tag: `URL`, `Promise`, `AbortSignal`. */
function isPlatformClass(object: object, tag: string): boolean {
  try {
    const candidate = (globalThis as Record<string, unknown>)[tag];
    return typeof candidate === "function" && object instanceof candidate;
  } catch {
    return false;
  }
}

function isRefused(object: object): boolean {
  try {
    v8.serialize(object);
    return false;
  } catch {
    return true;
  }
}

function refusedAs(object: object): string | undefined {
  try {
    const what = (object as { [REFUSED]?: unknown })[REFUSED];
    return typeof what === "string" ? what : undefined;
  } catch {
    return undefined;
  }
}

function tagOf(object: object): string | undefined {
  try {
    const tag = (object as { [Symbol.toStringTag]?: unknown })[Symbol.toStringTag];
    return typeof tag === "string" && tag !== "" ? tag.slice(0, LONGEST_KEY) : undefined;
  } catch {
    return undefined;
  }
}

function classNameOf(object: object): string {
  try {
    const name: unknown = (object.constructor as { name?: unknown }).name;
    return typeof name === "string" && name !== "" ? name.slice(0, LONGEST_KEY) : "object";
  } catch {
    return "object";
  }
}

function found(what: string, segment?: string, cause?: unknown): Found {
  const segments = segment === undefined ? [] : [segment];
  return { kind: "uncloneable", what, segments, ...(cause === undefined ? {} : { cause }) };
}

function within(fault: Found | undefined, segment: () => string): Found | undefined {
  if (fault?.kind === "uncloneable") fault.segments.push(segment());
  return fault;
}

function segmentOf(key: string, isArray: boolean): string {
  if (isArray && /^\d+$/.test(key)) return `[${key}]`;
  return /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(key) && key.length <= LONGEST_KEY
    ? `.${key}`
    : `[${quote(key)}]`;
}

function isNameable(key: unknown): key is string | number | bigint | boolean | null | undefined {
  return key === null || (typeof key !== "object" && typeof key !== "function" && typeof key !== "symbol");
}

function quote(key: string | number | bigint | boolean | null | undefined): string {
  if (typeof key === "bigint") return `${key}n`;
  if (typeof key !== "string") return String(key);
  return JSON.stringify(key.length > LONGEST_KEY ? `${key.slice(0, LONGEST_KEY)}…` : key);
}

function withArticle(name: string): string {
  return `${/^[aeio]/i.test(name) ? "an" : "a"} ${name}`;
}
