/** What a `ThreadPool` and its threads tell each other. Both are of one build, so it needs no version. */

import type { LogLine, OutcomeText, Payload, TaskInfo } from "@poolmq/shared/task";

/** The one clock that all threads of a process share, in ms. */
export function monotonicMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1_000 + nanoseconds / 1_000_000;
}

/** What a thread is told at its start. */
export interface ThreadData {
  /** Path of the tasks module. */
  readonly module: string;
  /** Name of the `BroadcastChannel` on which `ToThreads` come, and mark of the thread's own messages. */
  readonly pool: string;
  /** Names the pool in `error.remote`. */
  readonly worker: string;
}

/** A job for a thread: what it is called with. */
export type ThreadJob =
  | {
      readonly t: "run";
      /** Number of this run in its pool. */
      readonly id: number;
      readonly fn: string;
      readonly map: string;
      readonly at: number;
      readonly n: number;
      readonly attempt: number;
      readonly args: Payload;
      /** That the arguments name. */
      readonly bytes: Uint8Array | undefined;
      /** Report each item's start and outcome. */
      readonly careful: boolean;
      /** Report the start of the run. */
      readonly announce: boolean;
      /** Offsets of items that are not to be run. */
      readonly skip: readonly number[];
      readonly shares: readonly ThreadShare[];
      /** The caller's trace. */
      readonly trace: string | undefined;
      /** Send what the items print and log. */
      readonly logs: boolean;
    }
  /** Run the module's finalizer. */
  | { readonly t: "finalize" };

/** An argument of every tuple of a job that is a shared value. */
export interface ThreadShare {
  readonly position: number;
  readonly id: string;
  /** Its payload in UTF-8, in memory that all threads see. */
  readonly bytes: SharedArrayBuffer;
}

/** What a thread answers a job with. */
export interface ThreadAnswer {
  /** Empty after a careful run. */
  readonly text: OutcomeText;
  /** That the text names. */
  readonly bytes?: Uint8Array | undefined;
  readonly retriable: number;
  readonly ms: number;
  /** When it ended, by `monotonicMs()`. */
  readonly endedAt: number;
  /** How many messages it sent about the run: they come on another port, and may come later. */
  readonly said: number;
}

/** Pool to all threads. */
export type ToThreads = {
  readonly t: "abort";
  readonly id: number;
  readonly reason: string;
};

/** Thread to pool. */
export type FromThread = { readonly pool: string; readonly thread: number } & (
  | { readonly t: "ready"; readonly tasks: Readonly<Record<string, TaskInfo>> }
  | { readonly t: "unfit"; readonly phase: "load" | "initializer"; readonly thrown: Payload }
  /** Of a run, or of one item of a careful run. */
  | { readonly t: "start"; readonly id: number; readonly offset?: number }
  /** An item of a careful run has ended: its `ItemOutcome` as JSON. */
  | { readonly t: "item"; readonly id: number; readonly offset: number; readonly outcome: string }
  /** An item printed or logged. */
  | { readonly t: "log"; readonly id: number; readonly index: number; readonly line: LogLine }
  | { readonly t: "progress"; readonly id: number; readonly index: number; readonly value: Payload }
);
