import { InvalidOptionError } from "@poolmq/shared";

/** Calls that give a task one argument. */
const SINGLE: ReadonlySet<string> = new Set(["map", "imap", "imapUnordered", "mapReduce"]);

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
