/** What an error is called: its class, its nearest built-in class, its name. */

import { read, textOf } from "../values/safe-read.ts";

/** The most prototypes that are looked at, since a proxy can make the chain endless. */
const MAX_PROTOTYPES = 100;

/** Names of classes, because classes of another realm are other objects. */
export interface Lineage {
  /** The nearest built-in class: a key of `BUILT_IN_ERRORS`. */
  readonly kind: string;
  /** The constructor. */
  readonly class: string;
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

/**
 * Error classes that only newer versions of Node have. They travel as an \`Error\` with the name of its class, so that an
 * older Node takes them too: \`SuppressedError\` is there from Node 24 on.
 */
export const NEWER_ERRORS: ReadonlyMap<string, unknown> = new Map(
  ["SuppressedError"].map((name): [string, unknown] => [name, Reflect.get(globalThis, name)]),
);

/** The lineage of an error of any realm. */
export function lineageOf(error: object): Lineage {
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

/** `error.name`, or its class. */
export function nameOf(error: object, lineage: Lineage): string {
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

/** The stack, if it is text. */
export function stackOf(error: object, lineage: Lineage): string | undefined {
  const stack = read(error, "stack");
  if (typeof stack !== "string") return undefined;
  return isUnnamed(error, lineage) ? retitled(stack, lineage) : stack;
}

/** The stack's first line with the class's name, as Node prints it: V8 wrote it with the name of the built-in. */
function retitled(stack: string, { kind, class: className }: Lineage): string {
  const isTitled = stack.startsWith(kind) && /^(?::|\n|$)/.test(stack.slice(kind.length, kind.length + 1));
  return isTitled ? className + stack.slice(kind.length) : stack;
}
