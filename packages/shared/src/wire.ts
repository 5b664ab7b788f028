/**
 * The wire contract: everything that crosses a process boundary, in one file.
 *
 *   producer ──JobData──▶ Redis ──JobData──▶ supervisor ──ToChild──▶ child
 *   producer ◀──Outcome entry── Redis ◀──publish── supervisor ◀──FromChild── child
 *
 * Golden files in `tests/contract` pin these shapes. A change that an older peer would misread raises
 * `WIRE_VERSION`; a peer that meets a version it does not know answers with a `WireVersionError`, never a guess.
 */

/** Version of everything in this file. Sent with each job and each worker advertisement. */
export const WIRE_VERSION = 1;

/**
 * A value as text, made by the codec. Supervisors pass it on without opening it. The text never holds a raw tab or
 * newline, so it can end a line of the pipe.
 */
export type Payload = string;

/** The `data` of a BullMQ job: the argument tuples of one chunk. The job's `name` is the task's name. */
export interface JobData {
  /** `WIRE_VERSION` of the producer. */
  readonly v: number;
  /** The map that this chunk belongs to. */
  readonly map: string;
  /** Index of the chunk's first item in the map's input, from 0. */
  readonly at: number;
  /** Number of items in the chunk, at least 1. */
  readonly n: number;
  /** An array of `n` argument tuples, encoded. */
  readonly args: Payload;
  /** Time limit of each item's function, in ms. Absent: no limit. */
  readonly timeoutMs?: number;
  /** How many worker processes this chunk took down so far. Absent: 0. Written by supervisors. */
  readonly losses?: number;
}

/**
 * What became of the items of one job, as a stream entry's `o` field:
 *
 * - `"=" + Payload`: every item succeeded; the payload is the array of the results, in input order.
 * - `"!" + JSON`: an `ItemOutcome[]`, one per item, in input order.
 */
export type OutcomeText = string;

/** What became of one item. */
export type ItemOutcome =
  | { readonly s: "ok"; readonly value: Payload }
  /** The function threw: what it threw, encoded by the thrown-value codec. */
  | { readonly s: "threw"; readonly thrown: Payload; readonly by: RemoteInfo }
  /** A failure that poolmq itself reports: facts, from which the producer makes the typed error. */
  | { readonly s: "failed"; readonly failure: Failure; readonly by: RemoteInfo };

/** Where and when an item ran, for error messages and `error.remote`. */
export interface RemoteInfo {
  /** Registered name of the function. */
  readonly task: string;
  /** Index of the item in the map's input, from 0. */
  readonly index: number;
  /** Which attempt this was, from 1. */
  readonly attempt: number;
  /** The worker machine: `<host>-<pid of the supervisor>-<random>`. */
  readonly worker: string;
  /** Process id of the child that ran the item; 0 if none did. */
  readonly pid: number;
}

/** The failures that workers report, as facts. */
export type Failure =
  | {
      readonly code: "WORKER_LOST";
      /** How many processes the item took down. */
      readonly losses: number;
      readonly exitCode: number | null;
      readonly signal: string | null;
      readonly outOfMemory: boolean;
    }
  | { readonly code: "TASK_TIMEOUT"; readonly timeoutMs: number }
  | { readonly code: "TASK_NOT_REGISTERED"; readonly known: readonly string[] }
  | { readonly code: "WIRE_VERSION"; readonly expected: number; readonly got: number }
  | { readonly code: "CORRUPT_JOB"; readonly reason: string };

/** What a worker machine says of itself with every heartbeat. */
export interface WorkerAdvertisement {
  readonly v: number;
  readonly id: string;
  readonly host: string;
  /** Process id of the supervisor. */
  readonly pid: number;
  /** Number of child processes. */
  readonly processes: number;
  /** Items that one child runs at a time. */
  readonly concurrency: number;
  /** Registered functions: name and number of parameters (`Function.length`). */
  readonly tasks: Readonly<Record<string, number>>;
  /** Versions of the worker package and of Node. */
  readonly version: string;
  readonly node: string;
}

/** Messages on the control channel (Redis pub/sub) of a queue. */
export type ControlMessage = { readonly t: "cancel"; readonly map: string };

// ── supervisor ⇄ child: one line per message on fd 3, `JSON header [TAB payload] LF` ──────────────────────────────

/** Supervisor to child. */
export type ToChild =
  /** Followed by the payload of the argument tuples. */
  | {
      readonly t: "run";
      /** Number of this run on this child; the answer names it. */
      readonly id: number;
      readonly fn: string;
      readonly map: string;
      readonly at: number;
      readonly n: number;
      readonly attempt: number;
      /** Report each item's start, because an earlier run of this chunk took its process down. */
      readonly careful?: true;
    }
  /** Fires the `AbortSignal` of a run. */
  | { readonly t: "abort"; readonly id: number; readonly reason: string }
  /** Run the finalizer and exit. */
  | { readonly t: "stop" };

/** Child to supervisor. */
export type FromChild =
  /** The module is loaded and its initializer is done. */
  | { readonly t: "ready"; readonly tasks: Readonly<Record<string, number>> }
  /** The module did not load, or its initializer failed. Followed by the payload of what was thrown. */
  | { readonly t: "unfit"; readonly phase: "load" | "initializer"; readonly reason: string }
  /** Item `index` of run `id` is about to start (careful runs only). */
  | { readonly t: "start"; readonly id: number; readonly index: number }
  /** Followed by the `OutcomeText`. */
  | {
      readonly t: "done";
      readonly id: number;
      /** Time from the start of the run's first item to the end of its last, in ms. */
      readonly ms: number;
      /** How many of its items failed. */
      readonly failed: number;
    }
  /** A value that the task gave to `progress()`. Followed by its payload. */
  | { readonly t: "progress"; readonly id: number; readonly index: number };
