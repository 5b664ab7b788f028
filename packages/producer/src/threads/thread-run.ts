/** One job on a thread: what is heard of it, its clock, and how it is stopped. */

import type { ItemOutcome, LogLine, Payload } from "@poolmq/shared/internal";
import type { RunEnd } from "@poolmq/worker/internal";

import type { FromThread, ThreadAnswer, ThreadJob } from "./thread-messages.ts";

/** A job, and its time limit for each item, in ms. */
export type RunRequest = Omit<Extract<ThreadJob, { t: "run" }>, "t" | "id" | "announce"> & {
  readonly timeoutMs: number | undefined;
};

export interface ThreadRunHooks {
  /** Fires the `AbortSignal` of the run. */
  tell(reason: string): void;
  /** Ends the thread. */
  kill(): void;
  onProgress(mapId: string, index: number, value: Payload): void;
  onLog(request: RunRequest, index: number, line: LogLine): void;
}

/** How long a function that was told to stop may go on before its thread is ended. */
const KILL_GRACE_MS = 500;

export class ThreadRun {
  readonly request: RunRequest;
  readonly #hooks: ThreadRunHooks;
  readonly #outcomes = new Map<number, ItemOutcome>();
  #started: boolean;
  /** Offset of the item that is running, as far as we know. */
  #current: number | undefined;
  #stopped: "timeout" | "cancelled" | undefined;
  /** Runs while the function runs: the time limit, then the grace period. */
  #timer: NodeJS.Timeout | undefined;
  /** Messages that came about it. */
  #heard = 0;
  #onHeard: () => void = () => {};

  /** @param reports - whether the thread says when it starts */
  constructor(request: RunRequest, reports: boolean, hooks: ThreadRunHooks) {
    this.request = request;
    this.#hooks = hooks;
    this.#started = !reports;
    // A job of one item needs no report to know which one runs.
    this.#current = request.n === 1 ? 0 : undefined;
  }

  get started(): boolean {
    return this.#started;
  }

  /** What came of it, if it was told to stop. */
  get stoppedEnd(): RunEnd | undefined {
    if (this.#stopped === undefined) return undefined;
    return this.#stopped === "timeout" ? { kind: "timeout", ...this.#partly() } : { kind: "cancelled" };
  }

  hear(message: Extract<FromThread, { id: number }>): void {
    this.#heard++;
    switch (message.t) {
      case "start":
        this.#started = true;
        if (message.offset !== undefined) this.#current = message.offset;
        if (this.#stopped === undefined) this.#startClock();
        // It was told before it could hear it.
        else this.#tellToStop(this.#stopped);
        break;
      case "item":
        // One that was told to stop has its outcome: that it was stopped.
        if (this.#stopped !== undefined) break;
        clearTimeout(this.#timer);
        this.#outcomes.set(message.offset, JSON.parse(message.outcome) as ItemOutcome);
        this.#current = undefined;
        break;
      case "progress":
        this.#hooks.onProgress(this.request.map, message.index, message.value);
        break;
      case "log":
        this.#hooks.onLog(this.request, message.index, message.line);
        break;
      default:
        message satisfies never;
    }
    this.#onHeard();
  }

  /** Waits until everything that the thread said is here; gives what came of the run. */
  async answered({ text, bytes: raw, retriable, ms, said }: ThreadAnswer): Promise<RunEnd> {
    while (this.#heard < said) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#onHeard = resolve;
      await promise;
    }
    const bytes = raw === undefined ? undefined : Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength);
    return this.stoppedEnd ?? { kind: "done", text, bytes, retriable, ms, ...this.#partly() };
  }

  /** What came of it when its thread has died. */
  lost(exitCode: number, outOfMemory: boolean): RunEnd {
    return { kind: "lost", exit: { exitCode, signal: null, outOfMemory }, ...this.#partly() };
  }

  stop(why: "timeout" | "cancelled"): void {
    if (this.#stopped !== undefined) return;
    this.#stopped = why;
    this.#tellToStop(why);
  }

  /** Stops its clock. */
  close(): void {
    clearTimeout(this.#timer);
  }

  #startClock(): void {
    const { timeoutMs } = this.request;
    if (timeoutMs === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.stop("timeout"), timeoutMs);
  }

  #tellToStop(reason: string): void {
    clearTimeout(this.#timer);
    this.#hooks.tell(reason);
    // One that waits for its thread is skipped when its turn comes. Whoever runs before it keeps the thread.
    if (this.#started) this.#timer = setTimeout(() => this.#hooks.kill(), KILL_GRACE_MS);
  }

  #partly(): Pick<Extract<RunEnd, { kind: "timeout" }>, "pid" | "outcomes" | "running"> {
    return { pid: process.pid, outcomes: this.#outcomes, running: this.#current };
  }
}
