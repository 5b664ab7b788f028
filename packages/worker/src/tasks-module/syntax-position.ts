/** Finds the position of a syntax error in a JavaScript module, which Node prints only if the error ends the process. */

import { spawnSync } from "node:child_process";

/** How long the process that only imports the module may take, in ms. */
const TIMEOUT_MS = 5_000;

/** Puts file, line and source text at the head of a syntax error's stack, unless they are there already. */
export function addSyntaxPosition(error: unknown, moduleUrl: string): void {
  if (!(error instanceof SyntaxError)) return;
  const [first = "", ...frames] = error.stack?.split("\n") ?? [];
  // A SyntaxError that code threw, as `JSON.parse` does, has frames of that code.
  if (!first.startsWith("SyntaxError") || !frames.every((frame) => frame.includes("node:"))) return;
  const script = `import(${JSON.stringify(moduleUrl)}).catch((error) => setImmediate(() => { throw error; }))`;
  const { stderr } = spawnSync(
    process.execPath,
    [...process.execArgv, "--input-type=module", "--eval", script],
    { encoding: "utf8", timeout: TIMEOUT_MS, stdio: ["ignore", "ignore", "pipe"] },
  );
  // `file:///tasks.js:2`, the line, a caret below it, an empty line, the error.
  const [position] = /^(file:|\/|[A-Z]:\\)[^]*?(?=\n\nSyntaxError)/m.exec(stderr) ?? [];
  // The rest of the stack is Node's loader.
  if (position !== undefined) error.stack = `${position}\n\nSyntaxError: ${error.message}`;
}
