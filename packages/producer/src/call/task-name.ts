import { InvalidOptionError } from "@poolmq/shared";
import { short } from "@poolmq/shared/internal";

/**
 * Gives the name under which workers have registered a task: the name itself, or the export of the given module that
 * is this function, or the function's own name.
 *
 * @throws InvalidOptionError
 */
export function taskName(call: string, task: unknown, module: object | undefined): string {
  if (typeof task === "string" && task !== "") return task;
  if (typeof task === "function") {
    const name = exportedAs(task, module) ?? task.name;
    if (name !== "") return name;
    throw new InvalidOptionError(
      `${call}() was given an anonymous function, but only a function that the tasks module exports can run in a worker: pass it or its export name`,
    );
  }
  throw new InvalidOptionError(
    `Expected the task of ${call}() to be the name of a function that the tasks module exports, got ${short(task)}`,
  );
}

/** Name of the export that is this function. */
export function exportedAs(task: unknown, module: object | undefined): string | undefined {
  return Object.entries(module ?? {}).find(([, value]) => value === task)?.[0];
}

/** Calls that give a task one argument. */
const SINGLE: ReadonlySet<string> = new Set(["map", "imap", "imapUnordered"]);

/**
 * Refuses a function that needs more arguments than the call gives it.
 *
 * @param arity - number of its parameters without default (`Function.length`)
 * @throws InvalidOptionError
 */
export function checkArity(call: string, task: string, arity: number): void {
  if (arity < 2 || !SINGLE.has(call)) return;
  const star = call.replace("map", "starmap");
  throw new InvalidOptionError(
    `Expected the task of ${call}() to take one argument, got ${task}, which takes ${arity}: use ${star}() with a tuple of arguments for each item`,
  );
}
