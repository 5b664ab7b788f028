/** One child process, seen from its supervisor: its start, the messages in both directions, its end. */

import { spawn } from "node:child_process";
import { toJson } from "@poolmq/shared/task";
import type { ChildProcess } from "node:child_process";
import type { Socket } from "node:net";
import { setImmediate, setTimeout } from "node:timers";
import { fileURLToPath } from "node:url";

import { SystemLimitError } from "@poolmq/shared";
import type { Payload } from "@poolmq/shared/task";

import type { ChildSettings } from "../pipe/child-settings.ts";
import type { ContainerMemory } from "./container-memory.ts";
import { isBell } from "../pipe/bell.ts";
import { FrameWriter, readFrames } from "../pipe/frames.ts";
import type { FromChild, FromGuard, ToChild, ToGuard } from "../pipe/pipe-messages.ts";
import { QuietPipe } from "../pipe/quiet-pipe.ts";
import { withTransit } from "../pipe/transit.ts";
import { besideThis, nodeFlags } from "../node-command.ts";
import type { TaskOutput } from "../output/task-output.ts";
import type { Host, HostEvents, HostExit, StartHost } from "./host.ts";
import { hasOthersInGroup, isStopped } from "./process-group.ts";
import { residentBytes } from "./resident-bytes.ts";

export interface ProcessHostOptions extends Omit<ChildSettings, "prints" | "logLevel"> {
  readonly env: Readonly<Record<string, string>>;
  readonly memory: ContainerMemory;
  /** Flags of Node that limit a child's heap. */
  readonly heapFlags: readonly string[];
  /** Takes what the tasks print and log. */
  readonly output: TaskOutput;
}

/** V8 writes this to stderr before it aborts; the exit status alone looks like any other abort. */
const HEAP_EXHAUSTED = "heap out of memory";

/** Node writes one of these to stderr if the system starts no thread for it, and then ends with an exit status like any other. */
const NO_THREAD = /uv_thread_create|ERR_WORKER_INIT_FAILED/;

/** Windows has no process groups: programs that a task starts there outlive its process. */
const HAS_GROUPS = process.platform !== "win32";

/**
 * A program that inherited a pipe and left the group can delay "close". So the host counts as ended this long after its
 * exit, in ms.
 */
const CLOSE_AFTER_EXIT_MS = 100;

/** A process that is found stopped so often in a row, about once a second, is killed. */
const MAX_STOPPED_PINGS = 4;

/** Starts child processes. */
export function processHosts(options: ProcessHostOptions): StartHost {
  return (events) => new ProcessHost(options, events);
}

class ProcessHost implements Host {
  quiet: QuietPipe | undefined;
  readonly #process: ChildProcess;
  readonly #memory: ContainerMemory;
  readonly #events: HostEvents;
  #out: FrameWriter | undefined;
  #guard: FrameWriter | undefined;
  #outOfMemory = false;
  #lacksThreads = false;
  #wasKilled = false;
  /** How often in a row it was found stopped when its guard was asked for a sign of life. */
  #stoppedPings = 0;
  #ended = false;

  constructor(options: ProcessHostOptions, events: HostEvents) {
    const { env, memory, heapFlags, output, ...facts } = options;
    this.#events = events;
    this.#memory = memory;
    const settings: ChildSettings = { ...facts, prints: output.target, logLevel: output.level };
    const main = fileURLToPath(besideThis(import.meta.url, "../child/main"));
    this.#process = spawn(process.execPath, [...nodeFlags(), ...heapFlags, main, toJson(settings)], {
      // fd 3: work. fd 4: the child's guard thread, which learns by its closing that the supervisor is gone. fd 5: what
      // tasks log. fd 6: outcomes. Outcomes do not share fd 3, because a failed write to a child that is gone would
      // discard what the child still sent.
      stdio: ["ignore", output.stdout, "pipe", "pipe", "pipe", "pipe", "pipe"],
      env,
      // A process group of its own, so that what its tasks start ends with it.
      detached: HAS_GROUPS,
    });
    this.#process.on("error", (error) =>
      this.#end({ exitCode: null, signal: null }, new SystemLimitError("a worker process", error)),
    );
    if (this.#process.pid === undefined) return;
    memory.preferVictim(this.pid);
    output.attach(this.#process);
    this.#openPipes();
    this.#listenForEnd();
    this.#unref();
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  send(message: ToChild, text?: Payload, bytes?: Buffer): void {
    this.#out?.write(message, text, bytes);
  }

  flush(): void {
    this.#out?.flush();
  }

  sendToGuard(message: ToGuard): void {
    this.#guard?.write(message);
    if (message.t !== "ping") return;
    // A stopped process can't answer. Whoever stops a whole machine lets its processes go on at about the same time.
    this.#stoppedPings = isStopped(this.pid) ? this.#stoppedPings + 1 : 0;
    if (this.#stoppedPings >= MAX_STOPPED_PINGS) this.#events.onGarbage("a signal had stopped it");
  }

  residentBytes(): number | undefined {
    return residentBytes(this.pid);
  }

  hasPrograms(): boolean {
    return HAS_GROUPS && hasOthersInGroup(this.pid);
  }

  kill({ outOfMemory = false }: { readonly outOfMemory?: boolean } = {}): void {
    if (this.#ended) return;
    if (outOfMemory) this.#outOfMemory = true;
    this.#wasKilled = true;
    this.#killGroup();
    this.#process.kill("SIGKILL");
  }

  #openPipes(): void {
    // Node's types know only five descriptors.
    const stdio: readonly unknown[] = this.#process.stdio;
    const [work, line, , outcomes] = stdio.slice(3) as [Socket, Socket, Socket, Socket];
    for (const socket of [work, line, outcomes]) {
      socket.on("error", () => {}); // EPIPE: reported by `onSevered`
      socket.on("close", () => this.#onSevered());
      socket.on("end", () => this.#onSevered());
    }
    this.#out = new FrameWriter(work);
    this.#guard = new FrameWriter(line);
    const onGarbage = (reason: string): void => this.#events.onGarbage(reason);
    readFrames<FromGuard>(line, (message) => this.#events.onGuard(message), onGarbage);
    const take = readFrames<FromChild>(
      outcomes,
      (message, ...rest) => this.#events.onMessage(withTransit(message), ...rest),
      onGarbage,
    );
    const quiet = new QuietPipe(outcomes, take);
    this.quiet = quiet;
    work.on("data", (data: Buffer) => {
      if (isBell(data)) quiet.end();
      else onGarbage("it wrote to the pipe on which it is told what to do");
    });
    this.#process.stderr?.on("data", (data: Buffer | string) => {
      if (data.includes(HEAP_EXHAUSTED)) this.#outOfMemory = true;
      if (NO_THREAD.test(String(data))) this.#lacksThreads = true;
    });
  }

  #onSevered(): void {
    this.quiet?.end();
    if (!this.#ended) this.#events.onSevered();
  }

  #listenForEnd(): void {
    // "close" comes after the pipes were read to their end: outcomes that the child still wrote are not lost.
    this.#process.on("close", (exitCode, signal) => this.#end({ exitCode, signal }));
    this.#process.on("exit", (exitCode, signal) => {
      this.quiet?.end();
      this.#killGroup();
      // If this process was busy meanwhile, what the child still wrote is read now: after timers, and before what is immediate.
      const end = (): void => this.#end({ exitCode, signal });
      setTimeout(() => setImmediate(end), CLOSE_AFTER_EXIT_MS).unref();
    });
  }

  #end(how: Pick<HostExit, "exitCode" | "signal">, limit?: SystemLimitError): void {
    if (this.#ended) return;
    this.#ended = true;
    const refused = limit ?? (this.#lacksThreads ? noThreads() : undefined);
    if (how.signal === "SIGKILL" && !this.#wasKilled) this.#outOfMemory ||= this.#memory.claimKill();
    const exit = { ...how, outOfMemory: this.#outOfMemory };
    this.#events.onExit(refused === undefined ? exit : { ...exit, refused });
  }

  /** Kills the child, if it lives, and all programs in its group. */
  #killGroup(): void {
    if (!HAS_GROUPS) return;
    try {
      process.kill(-this.pid, "SIGKILL");
    } catch {
      // The group has no members any more.
    }
  }

  /** The crew's clock keeps this process alive; its hosts must not. */
  #unref(): void {
    this.#process.unref();
    for (const stream of this.#process.stdio) (stream as Socket | null)?.unref();
  }
}

function noThreads(): SystemLimitError {
  const cause = Object.assign(new Error("Node could not start a thread"), { code: "EAGAIN" });
  return new SystemLimitError("a worker process", cause);
}
