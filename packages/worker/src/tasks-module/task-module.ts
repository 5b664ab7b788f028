/** A user's tasks module, loaded: its functions by export name, and its hooks. */

import { createRequire } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";
import { types } from "node:util";

import { remedyFor } from "./module-remedy.ts";
import { addSyntaxPosition } from "./syntax-position.ts";

/** A registered function. */
export type TaskFunction = (...args: unknown[]) => unknown;

export interface TaskModule {
  /** The module's own exports; in a `Map`, so that `"constructor"` is not found. */
  readonly tasks: ReadonlyMap<string, TaskFunction>;
  readonly initializer: (() => unknown) | undefined;
  readonly finalizer: (() => unknown) | undefined;
}

/** Exports that are not tasks: each runs once per process. */
const HOOKS = new Set(["initializer", "finalizer"]);

/**
 * Imports the module at a path or `file:` URL.
 *
 * @throws whatever the import throws, or an `Error` if the module exports no function
 */
export async function loadTaskModule(specifier: string): Promise<TaskModule> {
  const url = specifier.startsWith("file:") ? specifier : pathToFileURL(specifier).href;
  const namespace = await importModule(url);
  const required = requiredOf(namespace, url);
  return readTaskModule(required === undefined ? namespace : commonJsExports(required));
}

/** Finds the tasks among the exports of a module. @throws an `Error` if it exports no function */
export function readTaskModule(exports: Readonly<Record<string, unknown>>): TaskModule {
  const tasks = new Map<string, TaskFunction>();
  for (const [name, value] of Object.entries(exports)) {
    if (typeof value === "function" && !HOOKS.has(name) && !isClass(value))
      tasks.set(name, value as TaskFunction);
  }
  if (tasks.size === 0) {
    const names = Object.keys(exports);
    throw new Error(
      `Expected the tasks module to export at least one function, got ${names.length === 0 ? "no exports" : `only ${names.join(", ")}`}. ` +
        "Write `export function yourTask(…) { … }` in it.",
    );
  }
  return { tasks, initializer: hook(exports["initializer"]), finalizer: hook(exports["finalizer"]) };
}

async function importModule(url: string): Promise<Record<string, unknown>> {
  try {
    return (await import(url)) as Record<string, unknown>;
  } catch (error) {
    addSyntaxPosition(error, url);
    if (isAbout(url, error, "ERR_MODULE_NOT_FOUND")) {
      reword(error, error.message.replace(/ imported from .*$/, ": there is no such file"));
    } else if (isAbout(url, error, "ERR_UNSUPPORTED_DIR_IMPORT")) {
      reword(error, "It is a folder: name the file in it that exports the tasks");
    }
    const remedy = remedyFor(error, url);
    if (remedy !== undefined) (error as Error).message += `: ${remedy}`;
    throw error;
  }
}

/** Whether the module itself can't be found: Node then says that this file, of which no user knows, imports it. */
function isAbout(url: string, error: unknown, code: string): error is Error {
  const about = Object(error) as { readonly code?: unknown; readonly url?: unknown };
  return error instanceof Error && about.code === code && about.url === url;
}

function reword(error: Error, message: string): void {
  const { message: before, stack = "" } = error;
  error.message = message;
  error.stack = stack.replace(before, message);
}

/**
 * Gives what `require()` gives for a CommonJS module, in `{ value }`. When one is imported, Node lists only the exports
 * that it can find in the source text.
 */
function requiredOf(
  namespace: Record<string, unknown>,
  url: string,
): { readonly value: unknown } | undefined {
  // Node 22 does not have it in the namespace, but every release has it in the cache of `require()`.
  if ("module.exports" in namespace) return { value: namespace["module.exports"] };
  const cached = createRequire(url).cache[fileURLToPath(url)];
  return cached?.loaded === true && cached.exports === namespace["default"]
    ? { value: cached.exports }
    : undefined;
}

/**
 * Its functions by name, including methods of an exported instance; each is called as a method of the exported object.
 */
function commonJsExports({ value: exported }: { readonly value: unknown }): Record<string, unknown> {
  if (exported === null || (typeof exported !== "object" && typeof exported !== "function")) return {};
  if (types.isPromise(exported)) {
    throw new TypeError(
      "Expected the tasks module to export functions, got a promise as `module.exports`, which nothing awaits: write an ES module, where `await` may stand at the top level",
    );
  }
  const isFunction = typeof exported === "function";
  const found: Record<string, unknown> = isFunction ? { default: exported } : {};
  const names = new Set(isFunction ? Object.keys(exported) : Object.getOwnPropertyNames(exported));
  for (
    let proto: unknown = Object.getPrototypeOf(exported);
    proto !== null && proto !== Object.prototype && proto !== Function.prototype;
    proto = Object.getPrototypeOf(proto)
  ) {
    for (const name of Object.getOwnPropertyNames(proto)) if (name !== "constructor") names.add(name);
  }
  for (const name of names) {
    const value = valueOf(exported, name);
    found[name] =
      typeof value === "function" && !isClass(value) ? methodOf(exported, value as TaskFunction) : value;
  }
  return found;
}

/** `undefined` if it can't be read: a package may load its parts only when they are read, and one may not be there. */
function valueOf(exported: object, name: string): unknown {
  try {
    return (exported as Record<string, unknown>)[name];
  } catch {
    return undefined;
  }
}

function methodOf(owner: object, fn: TaskFunction): unknown {
  // Keep the function's own properties: its name, its number of parameters, the options of its definition.
  return Object.defineProperties(fn.bind(owner) as object, Object.getOwnPropertyDescriptors(fn));
}

function hook(value: unknown): (() => unknown) | undefined {
  return typeof value === "function" ? (value as () => unknown) : undefined;
}

/** A class is not a task, because it can't be called without `new`. A module may export error classes. */
function isClass(value: unknown): boolean {
  return /^class\b/.test(Function.prototype.toString.call(value));
}
