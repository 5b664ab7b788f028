import { fileURLToPath } from "node:url";

import { onTestFinished } from "vitest";

import { Program, type ProgramOptions } from "./processes.ts";
import { within } from "./until.ts";

/** The file of the `poolmq` command. */
export const CLI: string = fileURLToPath(new URL("../../packages/worker/src/cli.ts", import.meta.url));

/** The environment without variables that would change the command's behaviour. */
const CLEAN = Object.fromEntries(
  Object.keys(process.env)
    .filter((name) => /^(POOLMQ_|REDIS_URL)/.test(name))
    .map((name) => [name, undefined]),
);

/** Starts the `poolmq` command; it ends with the test. */
export function startPoolmq(args: readonly string[], env: ProgramOptions["env"] = {}): Program {
  const program = Program.file(CLI, { args, env: { ...CLEAN, ...env } });
  onTestFinished(() => program[Symbol.asyncDispose]());
  return program;
}

/** Runs the `poolmq` command to its end. */
export async function runPoolmq(args: readonly string[], env: ProgramOptions["env"] = {}) {
  const program = startPoolmq(args, env);
  const { code } = await within(20_000, "the command's end", program.exited);
  return { code, output: program.output };
}

/** The arguments of `poolmq worker` with one child. */
export function workerArgs(module: string, at: { readonly url: string; readonly queue: string }): string[] {
  return ["worker", module, "-r", at.url, "-q", at.queue, "-p", "1"];
}

/** Starts `poolmq worker` with one child. */
export function startWorker(
  module: string,
  at: { readonly url: string; readonly queue: string },
  args: readonly string[] = [],
  env: ProgramOptions["env"] = {},
): Program {
  return startPoolmq([...workerArgs(module, at), ...args], env);
}

export interface LogRecord {
  readonly level: number;
  readonly msg: string;
  readonly [fact: string]: unknown;
}

/** The log so far. */
export function recordsOf(program: Program): LogRecord[] {
  return program.output
    .split("\n")
    .filter((line) => line.startsWith("{") && line.endsWith("}"))
    .map((line) => JSON.parse(line) as LogRecord);
}
