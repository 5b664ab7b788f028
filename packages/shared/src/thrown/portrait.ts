/**
 * An error as plain data that the codec carries, made on the side where it was thrown.
 *
 * Structured clone alone would lose the class name, the own properties and `AggregateError.errors`. Everything here reads
 * users' objects, which may have getters that throw, proxies and cycles; nothing here throws because of them.
 */

import { types } from "node:util";

import { PoolmqError } from "../errors/poolmq-error.ts";
import { isError, keysOf, read, textOf, UNREADABLE } from "../values/safe-read.ts";
import { lineageOf, nameOf, stackOf } from "./lineage.ts";
import { findUncloneable } from "../values/uncloneable.ts";

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
  /**
   * Own enumerable properties in their order, as pairs so that `__proto__` is a name like any other. `name`, `message`
   * and `stack` stand alone: their values are above.
   */
  props?: (readonly [name: string, value: Carried] | readonly [name: string])[];
  /** Those of `HIDDEN_PROPERTIES` that are own and not enumerable, as constructors define them. */
  hidden?: (readonly [name: string, value: Carried])[];
  /** Made by poolmq itself. */
  own?: true;
}

/** What the constructors of \`Error\`, \`AggregateError\` and \`SuppressedError\` define without being enumerable. */
export const HIDDEN_PROPERTIES: readonly string[] = ["cause", "errors", "error", "suppressed"];

/** Levels of nested errors, of which the outermost are kept. Each takes five levels of the codec's nesting. */
const MAX_LEVELS = 100;
/** Errors in one portrait. Also bounds `AggregateError.errors`. */
const MAX_ERRORS = 1_000;
/** Levels of a property's value, well below what the codec takes for the whole. */
const MAX_VALUE_DEPTH = 200;
/** Levels of a value in which unsendable parts are replaced one by one. Below, the whole part is replaced. */
const SALVAGE_LEVELS = 8;
/** Searches for unsendable parts: each walks a whole value, and objects such as sockets reach thousands of others. */
const MAX_SEARCHES = 500;
/** Draws errors, remembering each so that cycles stay cycles. One per thrown value. */
export class Portraitist {
  readonly #drawn = new Map<object, Portrait>();
  readonly #lists = new Map<readonly unknown[], Carried>();
  readonly #salvaged = new Map<object, unknown>();
  readonly #trim: (stack: string) => string;
  #searches = 0;

  /** @param trim - cuts down a stack */
  constructor(trim: (stack: string) => string = (stack) => stack) {
    this.#trim = trim;
  }

  /** The value, with errors as portraits and with unsendable parts replaced by a text that says what was there. */
  carry(value: unknown, level = 0): Carried {
    if (isError(value)) {
      const drawn = this.#drawn.get(value);
      if (drawn) return { e: drawn };
      if (level >= MAX_LEVELS) return { v: notSent(`an error more than ${MAX_LEVELS} levels down`) };
      if (this.#drawn.size >= MAX_ERRORS) return { v: notSent(`one of more than ${MAX_ERRORS} errors`) };
      return { e: this.draw(value, level) };
    }
    if (isListWithErrors(value)) return this.#list(value, level);
    return { v: this.#sendable(value, SALVAGE_LEVELS) };
  }

  /** The error's portrait. */
  draw(error: object, level = 0): Portrait {
    const lineage = lineageOf(error);
    const portrait: Portrait = {
      ...lineage,
      name: nameOf(error, lineage),
      message: messageOf(error),
    };
    this.#drawn.set(error, portrait); // before its properties, which may lead back to it
    const stack = stackOf(error, lineage);
    if (stack !== undefined) portrait.stack = this.#trim(stack);
    const props: NonNullable<Portrait["props"]> = [];
    for (const key of keysOf(error)) {
      const isAbove = key === "name" || key === "message" || key === "stack";
      props.push(
        isAbove && typeof read(error, key) === "string" ? [key] : [key, this.#property(error, key, level)],
      );
    }
    const hidden: [string, Carried][] = [];
    for (const key of HIDDEN_PROPERTIES) {
      if (isHidden(error, key)) hidden.push([key, this.#property(error, key, level)]);
    }
    if (props.length > 0) portrait.props = props;
    if (hidden.length > 0) portrait.hidden = hidden;
    if (isOwn(error)) portrait.own = true;
    return portrait;
  }

  #list(list: readonly unknown[], level: number): Carried {
    const drawn = this.#lists.get(list);
    if (drawn) return drawn;
    if (level >= MAX_LEVELS) return { v: notSent(`an array more than ${MAX_LEVELS} levels down`) };
    const items: Carried[] = [];
    this.#lists.set(list, { a: items });
    for (const item of list) items.push(this.carry(item, level + 1));
    return { a: items };
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
    // Keep the parts that can be sent: they often explain the failure, such as the status of a response that also holds a
    // callback.
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

function messageOf(error: object): string {
  const message = read(error, "message");
  // Some code sets `message` to a number; its digits are kept.
  return typeof message === "number" || typeof message === "bigint" ? String(message) : textOf(message);
}

function isHidden(error: object, key: string): boolean {
  try {
    return Object.getOwnPropertyDescriptor(error, key)?.enumerable === false;
  } catch {
    return false;
  }
}
