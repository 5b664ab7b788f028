/** Cuts stacks down to the user's frames, without those of poolmq that called the function. */

import { fileURLToPath } from "node:url";

const FRAME = /^\s+at /;

/** Frames between poolmq's call and the user's code: the code runs in an async context. */
const BETWEEN = /AsyncLocalStorage\.run|[/\\]task-context\.ts:|\brunInContext \(/;

/** The files that call user code, as URLs and, as source maps have them, as paths. */
const CALLERS: readonly string[] = [
  "src/item/run-item.ts:",
  "src/item/result-fold.ts:",
  "src/batch/batch.ts:",
  // A build joins these three, and nothing else, in files whose names begin so (scripts/lib/bundle-package.mjs).
  "dist/parts/calls-user-code",
].flatMap((file) => {
  // A bundle in CommonJS has no address, whatever its type says; no child runs it.
  const url = new URL(`../../${file}`, import.meta.url ?? "file:///");
  return [url.pathname, fileURLToPath(url)];
});

/** Removes the frames from poolmq's call on. A stack without other frames stays whole. */
export function userFrames(stack: string): string {
  const lines = stack.split("\n");
  let end = lines.findIndex((line) => FRAME.test(line) && CALLERS.some((caller) => line.includes(caller)));
  while (end > 0 && BETWEEN.test(lines[end - 1] ?? "")) end--;
  const kept = lines.slice(0, Math.max(0, end));
  return kept.some((line) => FRAME.test(line)) ? kept.join("\n") : stack;
}

/** Removes all frames from the stack of an error that poolmq makes: none of them is the user's. */
export function noFrames(stack: string): string {
  const lines = stack.split("\n");
  const end = lines.findIndex((line) => FRAME.test(line));
  return end === -1 ? stack : lines.slice(0, end).join("\n");
}
