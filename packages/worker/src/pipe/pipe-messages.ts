/**
 * The messages between a supervisor and a child. Both are of one build, so that a change here needs no version.
 *
 * Each message is one line, `JSON header [TAB payload] LF`: to the child on fd 3, from it on fd 6, and between the
 * supervisor and the child's guard thread on fd 4, both ways. Where bytes belong to a payload, the header says how many
 * (`bytes`), and they follow the line.
 */

import type { JobData, TaskInfo } from "@poolmq/shared/task";

/** Memory that several threads share. */
export type SharedMemory = SharedArrayBuffer | ArrayBufferView<SharedArrayBuffer>;

/** Supervisor to child. */
export type ToChild =
  /** Followed by the arguments, as in `JobData`, and by their bytes. */
  | {
      readonly t: "run";
      /** Number of this run on this child; the answer names it. */
      readonly id: number;
      /** Place in the child's table of claims, by which a run that has not begun can be taken back. */
      readonly slot: number;
      readonly fn: string;
      readonly map: string;
      readonly at: number;
      readonly n: number;
      readonly attempt: number;
      /**
       * Report each item's start and outcome as it happens: an earlier run of this chunk took its process down, or its
       * items have a time limit each.
       */
      readonly careful?: true;
      /** Offsets of items that are not to be run: they have their outcome. */
      readonly skip?: readonly number[];
      /** Name of the function that folds the results of its items, if they may be folded. */
      readonly reduce?: string;
      /** The function is of a batch task: it may be given the items of this run together with those of other runs. */
      readonly together?: true;
      readonly shares?: JobData["shares"];
      /** The job option `telemetry.metadata`, as BullMQ names it: the caller's trace, as JSON of what propagators write. */
      readonly trace?: string;
      /** When its job was enqueued, by the wall clock. Only of a traced job that is run for the first time. */
      readonly enqueuedAtMs?: number;
      /** Send what the items print and log. */
      readonly logs?: true;
      /**
       * What the child says is not read at once. It rings (`bell.ts`) when it begins the last run that it has, unless that
       * came without this, or if it has said something large.
       */
      readonly quiet?: true;
      /** Limit of this run's outcomes, in place of the limit that the child was started with. */
      readonly outcomeLimit?: { readonly maxBytes: number; readonly limit: string; readonly isForJob?: true };
    }
  /** A shared value, sent before the first run that uses it. Followed by its payload, and by its bytes. */
  | {
      readonly t: "share";
      readonly id: string;
      /** The value itself in place of a payload: to a thread, which sees the same memory. */
      readonly memory?: SharedMemory;
    }
  /** A shared value that is no longer kept. */
  | { readonly t: "unshare"; readonly id: string }
  /** Fires the `AbortSignal` of a run. */
  | { readonly t: "abort"; readonly id: number; readonly reason: string }
  /** Asks for an answer at once, because the child was silent for a while although it has runs. */
  | { readonly t: "ping" }
  /** Run the finalizer and exit. */
  | { readonly t: "stop" };

/** Child to supervisor. */
export type FromChild =
  /** The module is loaded and its initializer is done. */
  | { readonly t: "ready"; readonly tasks: Readonly<Record<string, TaskInfo>> }
  /** The module did not load, or its initializer failed. Followed by the payload of what was thrown. */
  | { readonly t: "unfit"; readonly phase: "load" | "initializer"; readonly reason: string }
  /** Run `id` begins: it is charged if the process dies now. Not sent for a run that a `done` has named as `next`. */
  | { readonly t: "begun"; readonly id: number }
  /** The item at `offset` of run `id` is about to start; without an offset, several at once (careful runs only). */
  | { readonly t: "start"; readonly id: number; readonly offset?: number }
  /** The item at `offset` has ended (careful runs only). Followed by its `ItemOutcome` as JSON. */
  | { readonly t: "item"; readonly id: number; readonly offset: number }
  /**
   * Followed by the `OutcomeText` of the items that were run, and by its bytes; by nothing after a careful run, unless
   * all of its items succeeded and their results were folded.
   */
  | {
      readonly t: "done";
      readonly id: number;
      /** Time from the start of the run's first item to the end of its last, in ms. */
      readonly ms: number;
      /** The part of `ms` that is this run's own, if its items were given to the function together with others. */
      readonly ownMs?: number | undefined;
      /** How many of its items failed and may be tried again. */
      readonly retriable: number;
      /** Only this many of its items, from the first on, were run: the others were taken back before they began. */
      readonly cut?: number | undefined;
      /** The run that begins now. */
      readonly next?: number | undefined;
      /** Memory of the process (resident set), in bytes, if it was read. */
      readonly rss?: number | undefined;
      /** When it was sent, by the clock that all processes of a machine share; only if `tellsTransit` is set. */
      readonly endedAt?: number;
      /** How long this message was on its way, in ms. Set by the receiver, if the sender said when it was sent. */
      readonly transitMs?: number;
    }
  /** The run was taken back before it began. */
  | { readonly t: "skipped"; readonly id: number }
  /** An item printed or logged. Followed by a `LogLine` as JSON. */
  | { readonly t: "log"; readonly id: number; readonly index: number }
  /** A value that the task gave to `progress()`. Followed by its payload. */
  | { readonly t: "progress"; readonly id: number; readonly index: number }
  /**
   * The process is about to end, because something was thrown that nobody caught, or `process.exit()` was called.
   * Followed by the payload of what was thrown, if something was. With `id` and `offset` if the async context tells which
   * item of which run did it; that run may have ended long ago. With `own` if poolmq's own code failed, because a task
   * had damaged this process before.
   */
  | { readonly t: "ending"; readonly id?: number; readonly offset?: number; readonly own?: true }
  | { readonly t: "pong" };

/** Supervisor to guard, which answers even while the main thread is blocked. */
export type ToGuard =
  /** Take back a run that the child has not begun. */
  | { readonly t: "revoke"; readonly id: number; readonly slot: number }
  /** Take back the items of a run that the child has not begun. */
  | { readonly t: "cut"; readonly id: number; readonly slot: number }
  /** Ask for a sign of life. */
  | { readonly t: "ping" }
  /** Ask for the stack of the main thread. */
  | { readonly t: "stack"; readonly id: number }
  /** Ask whether the main thread runs what an ended item left behind. */
  | { readonly t: "leftover"; readonly id: number };

export type FromGuard =
  /** Whether the run was taken back; if not, it has begun, or has ended. */
  | { readonly t: "revoked"; readonly id: number; readonly ok: boolean }
  /** The run keeps this many of its items, from the first on, and begins no other; 0 if it is not under way. */
  | { readonly t: "cut"; readonly id: number; readonly items: number }
  /** The number of turns of the main thread's event loop. If it grows, the main thread is not computing. */
  | { readonly t: "alive"; readonly turns: number }
  /** The frames of the main thread, the innermost first; none if it runs no JavaScript. */
  | { readonly t: "stack"; readonly id: number; readonly frames: readonly string[] }
  /** The ended item whose code the main thread runs; absent if it runs something else, or that can't be told. */
  | { readonly t: "leftover"; readonly id: number; readonly of?: EndedItem | undefined };

/** Names an item by its run on this child and its place there; `offset` is absent of a batch. */
export interface EndedItem {
  readonly id: number;
  readonly offset?: number | undefined;
}
