/**
 * Makes errors of portraits. A portrait comes from Redis, so that nothing in it is believed: each part is checked, names
 * of classes are looked up only among known ones, and names of properties only ever define own properties.
 */

import * as callErrors from "../errors/call-errors.ts";
import * as itemErrors from "../errors/item-errors.ts";
import * as machineErrors from "../errors/machine-errors.ts";
import * as redisErrors from "../errors/redis-errors.ts";
import { DecodeError } from "../errors/item-errors.ts";
import { PoolmqError } from "../errors/poolmq-error.ts";
import { BUILT_IN_ERRORS, NEWER_ERRORS } from "./lineage.ts";
import { HIDDEN_PROPERTIES } from "./portrait.ts";

const POOLMQ_ERRORS: object = { ...callErrors, ...itemErrors, ...machineErrors, ...redisErrors };

/** Levels of errors and arrays. Portraits have up to 100; a forged one must not exhaust the stack. */
const MAX_LEVELS = 250;

/** The value that a {@link Carried} stands for. */
export function rebuild(carried: unknown, classes: ReadonlyMap<string, unknown>): unknown {
  return new Rebuilder(classes).value(carried, 0);
}

class Rebuilder {
  readonly #classes: ReadonlyMap<string, unknown>;
  /** Errors by portrait: what was one error, or a cycle, is again. */
  readonly #made = new Map<object, Error>();
  readonly #lists = new Map<readonly unknown[], readonly unknown[]>();

  constructor(classes: ReadonlyMap<string, unknown>) {
    this.#classes = classes;
  }

  value(carried: unknown, level: number): unknown {
    const record = recordOf(carried, "a carried value");
    if (level > MAX_LEVELS) throw malformed(`at most ${MAX_LEVELS} levels`, "more");
    if (Object.hasOwn(record, "v")) return record["v"];
    if (Object.hasOwn(record, "e")) return this.#error(recordOf(record["e"], "an error"), level);
    return this.#list(listOf(record["a"], "a list"), level);
  }

  #list(items: readonly unknown[], level: number): readonly unknown[] {
    const made = this.#lists.get(items);
    if (made) return made;
    const list: unknown[] = [];
    this.#lists.set(items, list);
    for (const item of items) list.push(this.value(item, level + 1));
    return list;
  }

  #error(portrait: Fields, level: number): Error {
    const made = this.#made.get(portrait);
    if (made) return made;
    const name = textOf(portrait, "name");
    const message = textOf(portrait, "message");
    const error = this.#instance(portrait, name, message);
    this.#made.set(portrait, error);
    const props = pairsOf(portrait["props"]);
    const define = (key: string, value: unknown, enumerable: boolean): void => {
      Object.defineProperty(error, key, { value, enumerable, writable: true, configurable: true });
    };
    const header: Readonly<Record<string, string>> = {
      name,
      message,
      stack: portrait["stack"] === undefined ? `${name}: ${message}` : textOf(portrait, "stack"),
    };
    for (const [key, value] of Object.entries(header)) {
      // A key that is also among the properties is set later, in its place in the order.
      const isDue = key === "stack" || read(error, key) !== value;
      if (isDue && !props.some(([prop]) => prop === key)) define(key, value, false);
    }
    for (const [key, value] of pairsOf(portrait["hidden"])) {
      if (!HIDDEN_PROPERTIES.includes(key)) throw malformed(HIDDEN_PROPERTIES.join(" or "), key);
      define(key, this.value(value, level + 1), false);
    }
    for (const [key, value] of props) {
      const isAbove = value === undefined && Object.hasOwn(header, key);
      define(key, isAbove ? header[key] : this.value(value, level + 1), true);
    }
    return error;
  }

  #instance(portrait: Fields, name: string, message: string): Error {
    const kind = textOf(portrait, "kind");
    const className = textOf(portrait, "class");
    const error = makeBuiltIn(kind, name, message);
    const prototype =
      portrait["own"] === true
        ? ownPrototype(className)
        : errorPrototype(this.#classes.get(className) ?? NEWER_ERRORS.get(className));
    if (prototype) Object.setPrototypeOf(error, prototype);
    else if (className !== kind) Object.setPrototypeOf(error, standInPrototype(error, className));
    return error;
  }
}

/** A real error, with V8's internal mark, so that `util.inspect`, `Error.isError` and structured clone know it. */
function makeBuiltIn(kind: string, name: string, message: string): Error {
  // The stack of this place is thrown away; not recording it saves most of the time.
  // With `Reflect.set`, because the program may have frozen `Error`.
  const { stackTraceLimit } = Error;
  try {
    Reflect.set(Error, "stackTraceLimit", 0);
    if (kind === "AggregateError") {
      const error = new AggregateError([], message);
      Reflect.deleteProperty(error, "errors");
      return error;
    }
    if (kind === "DOMException") return new DOMException(message, name);
    const BuiltIn = BUILT_IN_ERRORS.get(kind);
    if (!BuiltIn) throw malformed("a built-in class of errors", kind);
    return new BuiltIn(message);
  } finally {
    Reflect.set(Error, "stackTraceLimit", stackTraceLimit);
  }
}

function ownPrototype(className: string): object | undefined {
  const candidate: unknown = Object.hasOwn(POOLMQ_ERRORS, className)
    ? Reflect.get(POOLMQ_ERRORS, className)
    : undefined;
  const prototype = errorPrototype(candidate);
  return prototype instanceof PoolmqError ? prototype : undefined;
}

function errorPrototype(candidate: unknown): object | undefined {
  if (typeof candidate !== "function") return undefined;
  const { prototype } = candidate as { prototype: unknown };
  return prototype instanceof Error ? prototype : undefined;
}

/**
 * For a class that this process does not have: the built-in's prototype, below a constructor of the class's name, which
 * Node then prints as it did where the error was thrown.
 */
function standInPrototype(error: Error, className: string): object {
  const constructor = function (): void {};
  Object.defineProperty(constructor, "name", { value: className });
  const prototype = Object.create(Object.getPrototypeOf(error) as object, {
    constructor: { value: constructor, writable: true, configurable: true },
  }) as object;
  constructor.prototype = prototype;
  return prototype;
}

type Fields = Readonly<Record<string, unknown>>;

function recordOf(value: unknown, what: string): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw malformed(what, value);
  return value as Fields;
}

function listOf(value: unknown, what: string): readonly unknown[] {
  // `every` skips holes: a forged array may claim billions of them.
  if (!Array.isArray(value) || Object.keys(value).length !== value.length) throw malformed(what, value);
  return value;
}

function textOf(fields: Fields, key: string): string {
  const value = Object.hasOwn(fields, key) ? fields[key] : undefined;
  if (typeof value !== "string") throw malformed(`\`${key}\` to be a string`, value);
  return value;
}

function pairsOf(value: unknown): [string, unknown][] {
  return listOf(value ?? [], "a list of properties").map((pair): [string, unknown] => {
    const [key, carried] = listOf(pair, "a property");
    if (typeof key !== "string") throw malformed("a property's name to be a string", key);
    return [key, carried];
  });
}

/** A user's class may define `name` or `message` with a getter that throws on an object that it did not construct. */
function read(error: Error, key: string): unknown {
  try {
    return (error as unknown as Fields)[key];
  } catch {
    return undefined;
  }
}

function malformed(expected: string, got: unknown): DecodeError {
  const what = typeof got === "string" ? JSON.stringify(got.slice(0, 60)) : typeof got;
  return new DecodeError(`A thrown value can't be decoded: expected ${expected}, got ${what}`);
}
