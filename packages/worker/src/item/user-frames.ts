/** Stacks as the user knows them: where the function was, and not how it came to be called. */

import { fileURLToPath } from "node:url";

const FRAME = /^\s+at /;

/** What lies between the place where user code is called and that code: it runs in a context. */
const BETWEEN = /AsyncLocalStorage\.run|[/\\]task-context\.[jt]s:/;

/** Where user code is called, as an address and, through a source map, as a path. */
const CALLERS: readonly string[] = [
  "src/item/run-item.ts:",
  "dist/item/run-item.js:",
  "src/item/result-fold.ts:",
  "dist/item/result-fold.js:",
  "src/batch/batch.ts:",
  "dist/batch/batch.js:",
].flatMap((file) => {
  // A bundle in CommonJS has no address, whatever its type says; no child runs it.
  const url = new URL(`../../${file}`, import.meta.url ?? "file:///");
  return [url.pathname, fileURLToPath(url)];
});

/** Takes the frames from where user code is called on off a stack. One that has no others stays whole. */
export function userFrames(stack: string): string {
  const lines = stack.split("\n");
  let end = lines.findIndex((line) => FRAME.test(line) && CALLERS.some((caller) => line.includes(caller)));
  while (end > 0 && BETWEEN.test(lines[end - 1] ?? "")) end--;
  const kept = lines.slice(0, Math.max(0, end));
  return kept.some((line) => FRAME.test(line)) ? kept.join("\n") : stack;
}

/** Takes all frames off the stack of an error that is made here: the reader knows none of them. */
export function noFrames(stack: string): string {
  const lines = stack.split("\n");
  const end = lines.findIndex((line) => FRAME.test(line));
  return end === -1 ? stack : lines.slice(0, end).join("\n");
}
