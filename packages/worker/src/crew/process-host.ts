/** One child process, seen from its supervisor: how it starts, what it is told, what it says, how it ends. */

import { spawn } from "node:child_process";
import type { ChildProcess as NodeProcess } from "node:child_process";
import type { Socket } from "node:net";
import { fileURLToPath } from "node:url";

import type { Payload } from "@poolmq/shared/internal";

import type { ChildSettings } from "../pipe/child-settings.ts";
import type { ContainerMemory } from "./container-memory.ts";
import { FrameWriter, readFrames } from "../pipe/frames.ts";
import type { FromChild, FromGuard, ToChild, ToGuard } from "../pipe/pipe-messages.ts";
import { besideThis, nodeFlags } from "../node-command.ts";
import type { TaskOutput } from "../output/task-output.ts";

/** How a child process ended. */
export interface ChildExit {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  /** V8 said that its heap is exhausted, or it was killed for the memory that it took. */
  readonly outOfMemory: boolean;
}

export interface ChildEvents {
  onMessage(message: FromChild, text: Payload, bytes: Buffer | undefined): void;
  onGuard(message: FromGuard): void;
  /** Called once, after the last message. */
  onExit(exit: ChildExit): void;
}

/** V8 writes this to stderr before it aborts; the exit status alone looks like any other abort. */
const HEAP_EXHAUSTED = "heap out of memory";

export class ChildProcess {
  readonly #process: NodeProcess;
  readonly #out: FrameWriter;
  readonly #guard: FrameWriter;
  #outOfMemory = false;
  #wasKilled = false;

  constructor(
    options: {
      module: string;
      workerId: string;
      concurrency: number;
      maxOutcomeBytes: number;
      redactRemoteStacks: boolean;
      env: Readonly<Record<string, string>>;
      memory: ContainerMemory;
      heapFlags: readonly string[];
      output: TaskOutput;
    },
    events: ChildEvents,
  ) {
    const { module, workerId, concurrency, maxOutcomeBytes, memory, output } = options;
    const prints = output.target;
    const settings: ChildSettings = {
      module,
      workerId,
      concurrency,
      maxOutcomeBytes,
      redactStacks: options.redactRemoteStacks,
      prints,
      logLevel: output.level,
    };
    const main = fileURLToPath(besideThis(import.meta.url, "../child/main"));
    const flags = [...nodeFlags(), ...options.heapFlags];
    this.#process = spawn(process.execPath, [...flags, main, JSON.stringify(settings)], {
      // fd 3: work. fd 4: the child's guard thread, which its closing tells that we are gone. fd 5: what tasks log.
      // fd 6: outcomes. Not on fd 3: a write that fails because the child is gone takes what it still said along.
      stdio: ["ignore", output.stdout, "pipe", "pipe", "pipe", "pipe", "pipe"],
      env: options.env,
    });
    memory.preferVictim(this.pid);
    output.attach(this.#process);
    // Node's types know of five.
    const stdio: readonly unknown[] = this.#process.stdio;
    const [work, line, , outcomes] = stdio.slice(3) as [Socket, Socket, Socket, Socket];
    for (const socket of [work, line, outcomes]) socket.on("error", () => {}); // EPIPE: the exit event says more
    this.#out = new FrameWriter(work);
    this.#guard = new FrameWriter(line);
    readFrames<FromGuard>(line, (message) => events.onGuard(message));
    readFrames<FromChild>(outcomes, (...frame) => events.onMessage(...frame));
    this.#process.stderr?.on("data", (data: Buffer | string) => {
      if (data.includes(HEAP_EXHAUSTED)) this.#outOfMemory = true;
    });
    let ended = false;
    const end = (exitCode: number | null, signal: NodeJS.Signals | null): void => {
      if (ended) return;
      ended = true;
      if (signal === "SIGKILL" && !this.#wasKilled) this.#outOfMemory ||= memory.claimKill();
      events.onExit({ exitCode, signal, outOfMemory: this.#outOfMemory });
    };
    // "close" comes after the pipes were read to their end: outcomes that the child still wrote are not lost. A
    // grandchild that inherited a pipe can hold "close" back, so the exit has the last word soon after.
    this.#process.on("close", end);
    this.#process.on("exit", (exitCode, signal) => setTimeout(end, 100, exitCode, signal));
    this.#process.on("error", (error) => {
      process.stderr.write(`poolmq: a child process did not start: ${error.message}\n`);
      end(null, null);
    });
  }

  /** Process id; 0 if it never started. */
  get pid(): number {
    return this.#process.pid ?? 0;
  }

  send(message: ToChild, text?: Payload, bytes?: Buffer): void {
    this.#out.write(message, text, bytes);
  }

  /** Sends what was given to `send` at once, and not with what comes in the same turn of the event loop. */
  flush(): void {
    this.#out.flush();
  }

  sendToGuard(message: ToGuard): void {
    this.#guard.write(message);
  }

  /** @param facts - what its exit can't tell */
  kill(signal: NodeJS.Signals = "SIGKILL", facts: { readonly outOfMemory?: boolean } = {}): void {
    if (facts.outOfMemory === true) this.#outOfMemory = true;
    this.#wasKilled = true;
    this.#process.kill(signal);
  }
}
