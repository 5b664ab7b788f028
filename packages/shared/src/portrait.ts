/**
 * An error as plain data that the codec carries, made on the side where it was thrown.
 *
 * Structured clone alone would lose the class name, the own properties and `AggregateError.errors`. Everything here
 * reads foreign objects (getters that throw, proxies, cycles) and none of it throws on their account.
 */

import { types } from "node:util";

import { PoolmqError } from "./errors.ts";
import { findUncloneable } from "./uncloneable.ts";

/** A value in or around a portrait: itself, an error, or an array that holds errors. */
export type Carried = { readonly v: unknown } | { readonly e: Portrait } | { readonly a: readonly Carried[] };

/** What travels of an error. */
export interface Portrait {
  /** Nearest built-in class: a key of `BUILT_IN_ERRORS`. */
  kind: string;
  /** Name of its constructor. */
  class: string;
  name: string;
  message: string;
  /** Absent if it was not text. */
  stack?: string;
  /** Which of `name`, `message` and `stack` were enumerable: printing depends on it. */
  shown?: string[];
  /** Own enumerable properties, as pairs so that `__proto__` is a name like any other. */
  props?: [name: string, value: Carried][];
  /** `cause` and `errors` where they are own and not enumerable, as constructors define them. */
  hidden?: [name: string, value: Carried][];
  /** Made by poolmq itself. */
  own?: true;
}

/** Error classes that exist in every process, by name. */
export const BUILT_IN_ERRORS: ReadonlyMap<string, new (message: string) => Error> = new Map(
  Object.entries({
    Error,
    EvalError,
    RangeError,
    ReferenceError,
    SyntaxError,
    TypeError,
    URIError,
    AggregateError: AggregateError as unknown as new (message: string) => Error,
    DOMException: DOMException as unknown as new (message: string) => Error,
  }),
);

/** Errors below errors: a longer chain of causes tells nobody more, and its end is nearest to the root. */
const MAX_LEVELS = 100;
/** Errors in one portrait. Also bounds `AggregateError.errors`. */
const MAX_ERRORS = 1_000;
/** Levels of a property's value, well below what the codec takes for the whole. */
const MAX_VALUE_DEPTH = 200;
/** Levels of a value in which unsendable parts are replaced one by one. Below, the whole part is replaced. */
const SALVAGE_LEVELS = 8;
/** Searches for unsendable parts: each walks a whole value, and objects such as sockets reach thousands of others. */
const MAX_SEARCHES = 500;
/** Prototypes looked at: a proxy can make the chain endless. */
const MAX_PROTOTYPES = 100;

interface Lineage {
  readonly kind: string;
  readonly class: string;
}

/** Draws errors, remembering each so that cycles stay cycles. One per thrown value. */
export class Portraitist {
  readonly #drawn = new Map<object, Portrait>();
  readonly #salvaged = new Map<object, unknown>();
  #searches = 0;

  /** The value, with errors as portraits and with unsendable parts replaced by a text that says what was there. */
  carry(value: unknown, level = 0): Carried {
    if (isError(value)) {
      const drawn = this.#drawn.get(value);
      if (drawn) return { e: drawn };
      if (level >= MAX_LEVELS) return { v: notSent(`an error more than ${MAX_LEVELS} levels down`) };
      if (this.#drawn.size >= MAX_ERRORS) return { v: notSent(`one of more than ${MAX_ERRORS} errors`) };
      return { e: this.draw(value, level) };
    }
    if (isListWithErrors(value)) return { a: value.map((item) => this.carry(item, level + 1)) };
    return { v: this.#sendable(value, SALVAGE_LEVELS) };
  }

  /** The error's portrait. */
  draw(error: object, level = 0): Portrait {
    const lineage = lineageOf(error);
    const portrait: Portrait = {
      ...lineage,
      name: nameOf(error, lineage),
      message: textOf(read(error, "message")),
    };
    this.#drawn.set(error, portrait); // before its properties, which may lead back to it
    const stack = read(error, "stack");
    if (typeof stack === "string")
      portrait.stack = isUnnamed(error, lineage) ? retitled(stack, lineage) : stack;
    const shown: string[] = [];
    const props: [string, Carried][] = [];
    for (const key of keysOf(error)) {
      if (key === "name" || key === "message" || key === "stack") shown.push(key);
      else props.push([key, this.#property(error, key, level)]);
    }
    const hidden: [string, Carried][] = [];
    for (const key of ["cause", "errors"]) {
      if (isHidden(error, key)) hidden.push([key, this.#property(error, key, level)]);
    }
    if (shown.length > 0) portrait.shown = shown;
    if (props.length > 0) portrait.props = props;
    if (hidden.length > 0) portrait.hidden = hidden;
    if (isOwn(error)) portrait.own = true;
    return portrait;
  }

  #property(error: object, key: string, level: number): Carried {
    try {
      return this.carry((error as Record<string, unknown>)[key], level + 1);
    } catch {
      return { v: notSent("a property whose getter throws") };
    }
  }

  #sendable(value: unknown, levelsLeft: number): unknown {
    if (typeof value !== "object" && typeof value !== "function" && typeof value !== "symbol") return value;
    if (value === null) return null;
    if (this.#salvaged.has(value as object)) return this.#salvaged.get(value as object);
    if (++this.#searches > MAX_SEARCHES) return notSent("a value among too many that can't be sent");
    const fault = findUncloneable(value, MAX_VALUE_DEPTH);
    if (!fault) return value;
    if (fault.kind === "depth") return notSent(`a value nested deeper than ${MAX_VALUE_DEPTH} levels`);
    if (fault.path === "") return notSent(fault.what);
    if (levelsLeft === 0 || !isPlain(value)) return notSent(`an object with ${fault.what} at ${fault.path}`);
    // Its good parts are often what explains the failure: the status of a response that also holds a callback.
    const copy: Record<string, unknown> | unknown[] = Array.isArray(value) ? [] : {};
    this.#salvaged.set(value, copy);
    for (const key of keysOf(value)) {
      const item = read(value, key);
      const sendable =
        item === UNREADABLE
          ? notSent("a property whose getter throws")
          : this.#sendable(item, levelsLeft - 1);
      Object.defineProperty(copy, key, {
        value: sendable,
        enumerable: true,
        writable: true,
        configurable: true,
      });
    }
    return copy;
  }
}

/** Stands in for what can't be sent. */
export function notSent(what: string): string {
  return `[not sent: ${what}]`;
}

/** True for every error, of any realm, and for what inherits from `Error`. */
export function isError(value: unknown): value is object {
  try {
    return types.isNativeError(value) || value instanceof Error;
  } catch {
    return false; // a proxy's trap threw
  }
}

function isOwn(error: object): boolean {
  try {
    return error instanceof PoolmqError;
  } catch {
    return false;
  }
}

function isListWithErrors(value: unknown): value is unknown[] {
  if (!Array.isArray(value) || types.isProxy(value) || value.length > MAX_ERRORS) return false;
  return value.some(isError) && Object.keys(value).length === value.length;
}

function isPlain(value: unknown): value is object {
  if (typeof value !== "object" || value === null || types.isProxy(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return Array.isArray(value) || prototype === Object.prototype || prototype === null;
}

/** The constructor's name, and the nearest built-in class. By name: classes of another realm are other objects. */
function lineageOf(error: object): Lineage {
  let first = "";
  try {
    let prototype: unknown = Object.getPrototypeOf(error);
    for (let n = 0; n < MAX_PROTOTYPES && typeof prototype === "object" && prototype !== null; n++) {
      const constructor: unknown = Object.getOwnPropertyDescriptor(prototype, "constructor")?.value;
      const name = typeof constructor === "function" ? textOf(read(constructor, "name")) : "";
      if (first === "") first = name;
      if (BUILT_IN_ERRORS.has(name)) return { kind: name, class: first };
      prototype = Object.getPrototypeOf(prototype);
    }
  } catch {
    // a proxy's trap threw
  }
  return { kind: "Error", class: first === "" ? "Error" : first };
}

function nameOf(error: object, lineage: Lineage): string {
  const name = read(error, "name");
  return typeof name !== "string" || isUnnamed(error, lineage) ? lineage.class : name;
}

/**
 * True for `class NotFound extends Error {}`, whose `name` is `Error`. Where the class can't be had, its name is the only
 * way to tell such an error from others, so that it travels as the error's name.
 */
function isUnnamed(error: object, lineage: Lineage): boolean {
  // Node's own errors derive from the built-ins and go by their names.
  if (lineage.class === lineage.kind || lineage.class === "NodeError") return false;
  return read(error, "name") === lineage.kind && !Object.hasOwn(error, "name");
}

/** The stack's first line with the class's name, as Node prints it: V8 wrote it with the name of the built-in. */
function retitled(stack: string, { kind, class: className }: Lineage): string {
  const isTitled = stack.startsWith(kind) && /^(?::|\n|$)/.test(stack.slice(kind.length, kind.length + 1));
  return isTitled ? className + stack.slice(kind.length) : stack;
}

const UNREADABLE = Symbol("unreadable");

function read(object: object, key: string): unknown {
  try {
    return (object as Record<string, unknown>)[key];
  } catch {
    return UNREADABLE;
  }
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function keysOf(object: object): string[] {
  try {
    return Object.keys(object);
  } catch {
    return [];
  }
}

function isHidden(error: object, key: string): boolean {
  try {
    return Object.getOwnPropertyDescriptor(error, key)?.enumerable === false;
  } catch {
    return false;
  }
}
