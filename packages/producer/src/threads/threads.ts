/**
 * The threads of a `ThreadPool`: Piscina starts, replaces and ends them, and carries each job to the thread that was
 * chosen for it here.
 *
 *   run() ──ready thread──▶ Piscina ──▶ thread-main ──answer──▶ "done"
 *                                         │ died: "lost", if the run had started
 *                                         │ was told to stop: "timeout", "cancelled"
 */

import { randomBytes } from "node:crypto";
import { BroadcastChannel } from "node:worker_threads";

import { TasksModuleError } from "@poolmq/shared";
import type { LogLine, Payload, TaskInfo } from "@poolmq/shared/internal";
import { decodeThrown, within } from "@poolmq/shared/internal";
import type { RunEnd } from "@poolmq/worker/internal";
import type * as WorkerPackage from "@poolmq/worker/internal";

import { Changes } from "../engine/changes.ts";
import { startPiscina } from "./piscina.ts";
import type { Piscina } from "./piscina.ts";
import { Thread } from "./thread.ts";
import type { FromThread, ThreadAnswer, ThreadData, ThreadJob, ToThreads } from "./thread-messages.ts";
import { monotonicMs } from "./thread-messages.ts";
import { ThreadRun } from "./thread-run.ts";
import type { RunRequest } from "./thread-run.ts";

export interface ThreadsOptions {
  readonly modulePath: string;
  /** Names the pool in `error.remote`. */
  readonly worker: string;
  readonly threads: number;
  readonly concurrency: number;
  readonly startTimeoutMs: number;
  readonly maxMemoryPerThreadMb: number | undefined;
  /** No thread can be started any more. */
  onDead(error: unknown): void;
  warn(message: string, error?: unknown): void;
}

/** What came of a job. */
export interface ThreadRan {
  readonly end: RunEnd;
  /** Number of the thread that had it. */
  readonly thread?: number;
  /** How long its answer was on its way, in ms. */
  readonly transitMs?: number;
}

/** Threads that die before they ran anything are replaced this often in a row. */
const MAX_FAILED_STARTS = 5;

/** How long threads may take for their finalizers, and to end. */
const FINALIZE_TIMEOUT_MS = 5_000;
const END_TIMEOUT_MS = 5_000;

export class Threads {
  /** Resolves to the registered functions once the first thread has loaded the module. */
  readonly ready: Promise<Readonly<Record<string, TaskInfo>>>;
  /** A running task said something of its progress. */
  onProgress: (mapId: string, index: number, value: Payload) => void = () => {};
  /** An item printed or logged. */
  onLog: (request: RunRequest, index: number, pid: number, line: LogLine) => void = () => {};
  /** There may be room for a run. */
  onRoom: () => void = () => {};
  readonly #ready = Promise.withResolvers<Readonly<Record<string, TaskInfo>>>();
  readonly #options: ThreadsOptions;
  readonly #piscina: Piscina;
  readonly #pool: string = `poolmq-${randomBytes(9).toString("hex")}`;
  readonly #channel: BroadcastChannel;
  readonly #threads = new Map<number, Thread>();
  readonly #runs = new Map<number, ThreadRun>();
  readonly #changes = new Changes();
  #nextRun = 1;
  #failedStarts = 0;
  #wasReady = false;
  #closing = false;

  constructor(options: ThreadsOptions, worker: typeof WorkerPackage) {
    this.#options = options;
    this.ready = this.#ready.promise;
    this.ready.catch(() => {}); // each call tells it
    this.#channel = new BroadcastChannel(this.#pool);
    this.#channel.unref();
    const { modulePath, threads, concurrency, maxMemoryPerThreadMb } = options;
    this.#piscina = startPiscina({
      filename: worker.besideThis(import.meta.url, "./thread-main").href,
      threads,
      concurrency,
      maxMemoryPerThreadMb,
      execArgv: worker.nodeFlags(),
      workerData: { module: modulePath, pool: this.#pool, worker: options.worker } satisfies ThreadData,
    });
    this.#piscina.on("message", (message) => this.#onMessage(message as FromThread | undefined));
    this.#piscina.on("error", (error) => options.warn("A thread died between two tasks", error));
    this.#look();
  }

  /** Number of threads that have loaded the module. */
  get readyCount(): number {
    return this.#loaded.length;
  }

  /** How many jobs run. */
  get active(): number {
    return this.#runs.size;
  }

  /** Whether `run()` has a thread for a job. */
  get hasRoom(): boolean {
    return !this.#closing && this.#freest() !== undefined;
  }

  /** Runs a job. Never rejects. */
  async run(request: RunRequest): Promise<ThreadRan> {
    const thread = this.#freest();
    if (thread === undefined || this.#closing) return { end: { kind: "unstarted" } };
    const id = this.#nextRun++;
    const { timeoutMs, ...job } = request;
    // Where several runs share a thread, one may have to wait until another lets go of it.
    const announce = !job.careful && (timeoutMs !== undefined || this.#options.concurrency > 1);
    const killer = new AbortController();
    const run = new ThreadRun(request, announce || job.careful, {
      tell: (reason) => this.#channel.postMessage({ t: "abort", id, reason } satisfies ToThreads),
      kill: () => {
        thread.kill();
        killer.abort();
        this.#look();
      },
      onProgress: (...args) => this.onProgress(...args),
      onLog: (said, index, line) => this.onLog(said, index, thread.id, line),
    });
    this.#runs.set(id, run);
    thread.runs.add(run);
    try {
      const message: ThreadJob = { ...job, t: "run", id, announce };
      const answer = (await this.#post(thread, message, killer.signal)) as ThreadAnswer;
      const transitMs = monotonicMs() - answer.endedAt;
      thread.answered();
      this.#failedStarts = 0;
      return { end: await run.answered(answer), thread: thread.id, transitMs };
    } catch (error) {
      return { end: run.stoppedEnd ?? (await this.#onLoss(run, thread, error)), thread: thread.id };
    } finally {
      run.close();
      thread.runs.delete(run);
      this.#runs.delete(id);
      this.#changed();
    }
  }

  /** Stops the runs of a map: by their signal, then by ending their thread. */
  cancel(mapId: string): void {
    for (const run of this.#runs.values()) if (run.request.map === mapId) run.stop("cancelled");
  }

  /** Waits until so many threads are ready, or `wanted` says that nobody cares any more. */
  async waitForReady(count: number, wanted: () => boolean): Promise<void> {
    await this.ready;
    await this.#changes.until(() => this.readyCount >= count || this.#closing || !wanted());
  }

  /** Ends the threads: after their runs and with their finalizers, unless it is to be `hurried`. */
  async close(hurried: boolean): Promise<void> {
    if (!hurried && !this.#closing) {
      await this.#changes.until(() => this.#runs.size === 0 || this.#closing);
      const finalized = this.#loaded.map((thread) =>
        this.#post(thread, { t: "finalize" }).catch((error: unknown) =>
          this.#options.warn("The finalizer of the tasks module failed", error),
        ),
      );
      await within(FINALIZE_TIMEOUT_MS, Promise.all(finalized));
    }
    this.#closing = true;
    this.#ready.reject(new Error("unreachable: nobody waits for the threads of a pool that has ended"));
    const threads = [...this.#threads.values()];
    for (const thread of threads) thread.forget();
    await within(END_TIMEOUT_MS, Promise.all([this.#piscina.destroy(), ...threads.map(({ exit }) => exit)]));
    this.#channel.close();
    this.#changed();
  }

  get #loaded(): Thread[] {
    return [...this.#threads.values()].filter(({ state }) => state === "ready");
  }

  #freest(): Thread | undefined {
    let freest: Thread | undefined;
    for (const thread of this.#threads.values()) {
      if (thread.state !== "ready" || thread.runs.size >= this.#options.concurrency) continue;
      if (freest === undefined || thread.runs.size < freest.runs.size) freest = thread;
    }
    return freest;
  }

  #post(thread: Thread, job: ThreadJob, signal?: AbortSignal): Promise<unknown> {
    return this.#piscina.run(thread.id, job, signal);
  }

  async #onLoss(run: ThreadRun, thread: Thread, error: unknown): Promise<RunEnd> {
    if (thread.killed || this.#closing) return { kind: "unstarted" };
    const exitCode = await thread.exit;
    if (!run.started) return { kind: "unstarted" };
    this.#options.warn(`A thread died running "${run.request.fn}" (exit code ${exitCode})`, thread.error);
    const { code } = Object(error) as NodeJS.ErrnoException;
    return run.lost(exitCode, code === "ERR_WORKER_OUT_OF_MEMORY");
  }

  #onMessage(message: FromThread | undefined): void {
    // A task may talk on the same port.
    if (message?.pool !== this.#pool) return;
    if (message.t !== "ready" && message.t !== "unfit") return this.#runs.get(message.id)?.hear(message);
    const thread = this.#threads.get(message.thread);
    if (message.t === "unfit") {
      return thread?.unfit(this.#moduleError(message.phase, decodeThrown(message.thrown)));
    }
    thread?.loaded();
    this.#wasReady = true;
    this.#ready.resolve(message.tasks);
    this.#changed();
  }

  /** Takes note of threads that Piscina has started. */
  #look(): void {
    for (const worker of this.#piscina.threads) {
      const id = worker.threadId;
      if (id < 0 || this.#threads.has(id)) continue;
      this.#threads.set(id, new Thread(worker, this.#options.startTimeoutMs, this.#onExit));
    }
  }

  readonly #onExit = (thread: Thread, was: Thread["state"], exitCode: number): void => {
    this.#threads.delete(thread.id);
    if (this.#closing) return;
    this.#look();
    if (was === "starting" || !thread.wasOfUse) {
      const cause = thread.error ?? new Error(`exit code ${exitCode}, before it ran a task`);
      const error = cause instanceof TasksModuleError ? cause : this.#moduleError("exit", cause);
      // Once a thread was ready, this one may have been unlucky.
      const isHopeless = !this.#wasReady || this.#threads.size === 0;
      if (isHopeless || ++this.#failedStarts > MAX_FAILED_STARTS) this.#die(error);
    }
    this.#changed();
  };

  /** No thread can be started: the pool is of no use any more. */
  #die(error: unknown): void {
    this.#ready.reject(error);
    void this.close(true);
    this.#options.onDead(error);
  }

  #moduleError(phase: TasksModuleError["phase"], cause: unknown): TasksModuleError {
    return new TasksModuleError({ module: this.#options.modulePath, phase, cause });
  }

  #changed(): void {
    this.#changes.changed();
    this.onRoom();
  }
}
