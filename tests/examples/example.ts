import { readFileSync } from "node:fs";

import { Program } from "../support/processes.ts";
import type { ProgramOptions } from "../support/processes.ts";

/** What would lead an example elsewhere than a newcomer's machine does. */
const CLEAN = { REDIS_URL: undefined, POOLMQ_REDIS_URL: undefined, FORCE_COLOR: undefined };

/** Where a file of the examples lies. */
export function exampleUrl(file: string): URL {
  return new URL(`../../examples/${file}`, import.meta.url);
}

/** Starts an example as its header says. */
export function startExample(file: string, { env, ...options }: ProgramOptions = {}): Program {
  return Program.file(exampleUrl(file), { ...options, env: { ...CLEAN, ...env } });
}

/** Runs an example to its end; gives everything that it wrote. */
export async function runExample(
  file: string,
  options: ProgramOptions = {},
): Promise<{ code: number | null; output: string }> {
  await using program = startExample(file, options);
  const { code } = await program.exited;
  return { code, output: program.output };
}

/** What the header of an example says that it prints. */
export function promisedOutput(file: string): string {
  const [, promised = ""] = /^ \* Prints (.*)$/m.exec(readFileSync(exampleUrl(file), "utf8")) ?? [];
  return promised;
}
