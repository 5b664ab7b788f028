/**
 * One thread, seen from its pool: its start, the messages in both directions, its end.
 *
 * A thread can be ended while it computes, but not while it waits in a system call (`execFileSync`). Programs that its
 * tasks started belong to this process, and outlive the thread.
 */

import { setImmediate, setTimeout } from "node:timers";
import { MessageChannel, Worker } from "node:worker_threads";
import type { MessagePort } from "node:worker_threads";

import { SystemLimitError } from "@poolmq/shared";
import type { Payload } from "@poolmq/shared/task";

import { answerClaim } from "../child/answer-claim.ts";
import { makeClaims } from "../child/queue/claims.ts";
import { keepWasmCode } from "../child/keep-wasm-code.ts";
import { besideThis, nodeFlags } from "../node-command.ts";
import { printTo } from "../output/print-to.ts";
import { placesFor } from "../pipe/pipe-depth.ts";
import type { ToChild, ToGuard } from "../pipe/pipe-messages.ts";
import { PortWriter, readPort } from "../pipe/thread-port.ts";
import type { FromThread, ThreadData } from "../pipe/thread-port.ts";
import { withTransit } from "../pipe/transit.ts";
import type { Host, HostEvents, StartHost } from "./host.ts";

export interface ThreadHostOptions {
  /** Path of the tasks module. */
  readonly module: string;
  /** Names the pool in `error.remote`. */
  readonly workerId: string;
  readonly concurrency: number;
  /** Largest result or error of an item, in bytes; no limit without it. */
  readonly maxOutcomeBytes: number | undefined;
  readonly redactStacks: boolean;
  /** Its environment: it does not see this process's. */
  readonly env: Readonly<Record<string, string>>;
  /** Limit of a thread's heap; V8's own without it. */
  readonly maxMemoryMb: number | undefined;
}

/** How long after a thread's end its last messages may arrive, in ms. */
const CLOSE_AFTER_EXIT_MS = 100;

/** How long a thread may take to end after it was killed. */
const GIVE_UP_MS = 1_000;

/** Starts threads. */
export function threadHosts(options: ThreadHostOptions): StartHost {
  keepWasmCode();
  return (events) => new ThreadHost(options, events);
}

class ThreadHost implements Host {
  readonly pid: number;
  readonly #worker: Worker;
  readonly #port: MessagePort;
  readonly #out: PortWriter;
  readonly #claims: ThreadData["claims"];
  readonly #turns: ThreadData["turns"] = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  readonly #events: HostEvents;
  #outOfMemory = false;
  #refused: SystemLimitError | undefined;
  #ended = false;

  constructor({ maxMemoryMb, env, ...facts }: ThreadHostOptions, events: HostEvents) {
    this.#events = events;
    this.#claims = makeClaims(placesFor(facts.concurrency));
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    this.#out = new PortWriter(port1, "copies");
    const data: ThreadData = { ...facts, port: port2, claims: this.#claims, turns: this.#turns };
    this.#worker = new Worker(besideThis(import.meta.url, "../child/thread-main"), {
      name: "poolmq",
      env,
      workerData: data,
      transferList: [port2],
      execArgv: nodeFlags(),
      ...(maxMemoryMb === undefined ? {} : { resourceLimits: { maxOldGenerationSizeMb: maxMemoryMb } }),
    });
    this.pid = this.#worker.threadId;
    readPort<FromThread>(
      port1,
      (...frame) => this.#onFrame(...frame),
      (reason) => events.onGarbage(reason),
    );
    this.#listenForEnd();
    // The crew's clock keeps this process alive; its hosts must not.
    port1.unref();
    this.#worker.unref();
  }

  send(message: ToChild, text?: Payload, bytes?: Buffer): void {
    this.#out.write(message, text, bytes);
  }

  flush(): void {
    this.#out.flush();
  }

  /** A thread has no guard: this thread answers in its place, from the memory that both share. */
  sendToGuard(message: ToGuard): void {
    queueMicrotask(() => {
      if (this.#ended) return;
      if (message.t === "ping") {
        return this.#events.onGuard({ t: "alive", turns: Atomics.load(this.#turns, 0) });
      }
      // Only processes are looked into.
      if (message.t === "stack") return;
      if (message.t === "leftover") return this.#events.onGuard(message);
      this.#events.onGuard(answerClaim(this.#claims, message));
    });
  }

  /** Its memory is a part of this process's. */
  residentBytes(): undefined {
    return undefined;
  }

  /** Programs that a thread's tasks start belong to this process, and go on after the thread. */
  hasPrograms(): boolean {
    return false;
  }

  kill({ outOfMemory = false }: { readonly outOfMemory?: boolean } = {}): void {
    if (outOfMemory) this.#outOfMemory = true;
    void this.#worker.terminate();
    // A thread that waits in a system call can't be ended: after this time it is given up.
    setTimeout(() => this.#end(1), GIVE_UP_MS).unref();
  }

  #onFrame(message: FromThread, text: string, bytes: Buffer | undefined): void {
    if (this.#ended) return;
    if (message.t === "print") {
      return printTo(message.from === "stderr" ? process.stderr : process.stdout, bytes ?? text);
    }
    this.#events.onMessage(withTransit(message), text, bytes);
  }

  #listenForEnd(): void {
    this.#worker.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ERR_WORKER_OUT_OF_MEMORY") this.#outOfMemory = true;
      if (error.code === "ERR_WORKER_INIT_FAILED") this.#refused = new SystemLimitError("a thread", error);
    });
    this.#worker.on("exit", (exitCode) => {
      // Its last messages may still be on their way: the port closes after them.
      this.#port.once("close", () => this.#end(exitCode));
      // If this thread was busy meanwhile, they are read now: after timers, and before what is immediate.
      setTimeout(() => setImmediate(() => this.#end(exitCode)), CLOSE_AFTER_EXIT_MS).unref();
    });
    this.#port.on("close", () => {
      if (!this.#ended) this.#events.onSevered();
    });
  }

  #end(exitCode: number): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#port.close();
    const exit = { exitCode, signal: null, outOfMemory: this.#outOfMemory };
    this.#events.onExit(this.#refused === undefined ? exit : { ...exit, refused: this.#refused });
  }
}
