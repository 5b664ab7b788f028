/** A user's tasks module, loaded: its functions by export name, and its hooks. */

import { pathToFileURL } from "node:url";

import { addSyntaxPosition } from "./syntax-position.ts";

/** A registered function. */
export type TaskFunction = (...args: unknown[]) => unknown;

export interface TaskModule {
  /** Only the module's own exports: a `Map`, so that `"constructor"` names nothing. */
  readonly tasks: ReadonlyMap<string, TaskFunction>;
  readonly initializer: (() => unknown) | undefined;
  readonly finalizer: (() => unknown) | undefined;
}

/** Exports that are run once per process and are no tasks. */
const HOOKS = new Set(["initializer", "finalizer"]);

/**
 * Imports the module at a path or `file:` URL.
 *
 * @throws whatever the import throws, or an `Error` if the module exports no function
 */
export async function loadTaskModule(specifier: string): Promise<TaskModule> {
  const url = specifier.startsWith("file:") ? specifier : pathToFileURL(specifier).href;
  const exports = await importModule(url);
  const tasks = new Map<string, TaskFunction>();
  for (const [name, value] of Object.entries(exports)) {
    if (typeof value === "function" && !HOOKS.has(name) && !isClass(value))
      tasks.set(name, value as TaskFunction);
  }
  if (tasks.size === 0) {
    // A file without any `export` is CommonJS to Node, which adds exports of its own.
    const names = Object.keys((exports["module.exports"] as object | undefined) ?? exports);
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
    throw error;
  }
}

function hook(value: unknown): (() => unknown) | undefined {
  return typeof value === "function" ? (value as () => unknown) : undefined;
}

/** A class can't be called without `new`; a module may export error classes beside its tasks. */
function isClass(value: unknown): boolean {
  return /^class\b/.test(Function.prototype.toString.call(value));
}
