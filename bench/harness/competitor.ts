/** A competitor's program while it runs: started, asked, stopped. */

import { spawn } from "node:child_process";
import type { ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";

import type { Arguments, OperationName, Operations, Setup } from "../competitors/operations.ts";
import { PROGRAMS } from "./competitors.ts";
import type { Program, ProgramName } from "./competitors.ts";
import { findPython } from "./python.ts";

/** Time limit of a request, in ms: more than the slowest competitor needs for any request. */
const TIMEOUT_MS = 300_000;
const STOP_TIMEOUT_MS = 10_000;

/** A competitor that is not installed here. It is left out, and the bench does not fail. */
export class NotInstalledError extends Error {}

export class Competitor implements AsyncDisposable {
  readonly title: string;
  readonly #process: ChildProcessByStdio<Writable, Readable, null>;
  readonly #replies: AsyncIterator<string>;

  private constructor(title: string, child: ChildProcessByStdio<Writable, Readable, null>) {
    this.title = title;
    this.#process = child;
    this.#replies = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  }

  /** Starts the program and its workers; resolves when they are ready. @throws NotInstalledError */
  static async start(name: ProgramName, setup: Setup): Promise<Competitor> {
    const program: Program = PROGRAMS[name];
    const path = fileURLToPath(new URL(`../competitors/${program.file}`, import.meta.url));
    const child = spawn(command(program), [...flags(program), path, JSON.stringify(setup)], {
      stdio: ["pipe", "pipe", "inherit"],
      // A process group of its own, so that its worker processes can be ended with it.
      detached: true,
    });
    const competitor = new Competitor(program.title, child);
    await competitor.#reply();
    return competitor;
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  async ask<Name extends OperationName>(
    operation: Name,
    request: Operations[Name]["request"],
  ): Promise<Operations[Name]["reply"]> {
    this.#process.stdin.write(`${JSON.stringify({ operation, request })}\n`);
    return (await this.#reply()) as Operations[Name]["reply"];
  }

  /** How long a map took, in ms. Its results are checked by their sum. */
  async map(request: Operations["map"]["request"]): Promise<number> {
    const { ms, sum } = await this.ask("map", request);
    const expected = expectedSum(request);
    if (sum !== expected) throw new Error(`${this.title}: results sum up to ${sum}, expected ${expected}`);
    return ms;
  }

  async #reply(): Promise<unknown> {
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => reject(new Error(`${this.title}: no reply in time`)), TIMEOUT_MS);
    try {
      const line = await Promise.race([this.#replies.next(), late]);
      if (line.done === true) throw new Error(`${this.title}: ended (exit code ${this.#process.exitCode})`);
      const reply = JSON.parse(line.value) as { readonly error?: string };
      if (reply.error !== undefined) throw new Error(`${this.title}: ${reply.error}`);
      return reply;
    } finally {
      clearTimeout(timer);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended =
      this.#process.exitCode === null && this.#process.signalCode === null
        ? once(this.#process, "exit")
        : Promise.resolve();
    this.#process.stdin.end();
    const timer = setTimeout(() => this.kill(), STOP_TIMEOUT_MS);
    await ended;
    clearTimeout(timer);
    // Kill processes that its workers may have left.
    this.kill();
  }

  kill(): void {
    try {
      process.kill(-this.pid, "SIGKILL");
    } catch {
      // The group has ended already.
    }
  }
}

function command({ title, file, modules = [], install }: Program): string {
  if (!file.endsWith(".py")) return process.execPath;
  const python = findPython(modules);
  if (python === undefined) {
    throw new NotInstalledError(`${title} is not installed${install === undefined ? "" : ` (${install})`}`);
  }
  return python;
}

function flags({ file }: Program): string[] {
  return file.endsWith(".py") ? [] : ["--expose-gc"];
}

function expectedSum({ task, args }: { task: string; args: Arguments }): number {
  const { n, sum } =
    "range" in args
      ? { n: args.range, sum: (args.range * (args.range - 1)) / 2 }
      : { n: args.list.length, sum: args.list.reduce((a, b) => a + b, 0) };
  return task === "increment" ? sum + n : sum;
}
