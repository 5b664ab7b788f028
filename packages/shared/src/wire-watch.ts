/**
 * The part of the wire contract for watchers of a queue: what machines and producers report. It serves display only. Its
 * version is that of `wire.ts`.
 */

/**
 * What a worker machine reports while somebody watches: with each heartbeat, and at once when a watcher comes.
 * Times are ms since 1970 by the machine's clock.
 */
export interface WorkerDetail {
  /** When it was reported. */
  readonly nowMs: number;
  /** Jobs that the machine has fetched and that have not begun. */
  readonly waiting: number;
  readonly children: readonly ChildDetail[];
}

/** A child process of a worker machine. */
export interface ChildDetail {
  readonly pid: number;
  readonly state: "starting" | "ready" | "retiring";
  /** Items that it has run. */
  readonly items: number;
  /** Its resident set, in bytes, if the system tells. */
  readonly rss?: number;
  /** For how long it has computed since its start, if the system tells. */
  readonly cpuMs?: number;
  /** The jobs that it runs. */
  readonly runs: readonly RunDetail[];
  /** What it ran in the last seconds, at most 32. */
  readonly spans: readonly SpanDetail[];
}

interface RunDetail {
  readonly task: string;
  readonly map: string;
  /** Index of the job's first item, and number of its items. */
  readonly at: number;
  readonly n: number;
  /** Offset of the item that runs, if that is known. */
  readonly offset?: number;
  readonly attempt: number;
  readonly sinceMs: number;
}

/** Consecutive short runs of one map are one span. */
export interface SpanDetail {
  /** Number of the span among those of its process, from 0. A span that has grown is reported again under its number. */
  readonly no: number;
  readonly task: string;
  readonly map: string;
  readonly fromMs: number;
  readonly toMs: number;
  /** Items that ran in it. */
  readonly items: number;
}

/** What a process executes at one moment: a machine's answer to the question `stack`. */
export type StackAnswer =
  /** The innermost first; none if it runs no JavaScript. */
  { readonly frames: readonly string[] } | { readonly problem: string };

/** Lines of a machine's log, which it sends while somebody reads them. */
export interface LineBatch {
  /** Id of the machine. */
  readonly worker: string;
  readonly host: string;
  /**
   * Number of the first line among all that the machine has written, from 0. A gap after the batch before means that
   * lines were left out.
   */
  readonly no: number;
  /** JSON, as they are in the machine's log. */
  readonly lines: readonly string[];
}

/**
 * Where a map is.
 *
 * - `running`.
 * - `done`: every item succeeded. `failed`: one did not, or the call itself failed.
 * - `cancelled`: by its producer, or from outside.
 * - `lost`: its producer has been silent for 10 s, and it has no `mapId`. Watchers conclude this; it is never sent.
 */
export type MapState = "running" | "done" | "failed" | "cancelled" | "lost";

/**
 * What a producer reports of a map: every second once it is older than a second, and when it ends. A shorter map is
 * reported only if it failed.
 */
export interface MapReport {
  readonly v: number;
  readonly task: string;
  /** Name of the pool's method. */
  readonly call: string;
  readonly durable?: true;
  readonly host: string;
  readonly pid: number;
  readonly state: Exclude<MapState, "lost">;
  /** How long ago its call was made, in ms. */
  readonly ageMs: number;
  /** Number of items, if it is known. */
  readonly total?: number;
  readonly done: number;
  readonly failed: number;
  /** Items that were enqueued and have no outcome. */
  readonly running: number;
  /** Items that came to their outcome, per second. */
  readonly perS: number;
  /** Items per job, in the mean. */
  readonly perJob: number;
  /** How many of its jobs the limit by key lets run at the same time. Absent: it has no such limit. */
  readonly atOnce?: number;
  /** Items by run time, as a `TimeSketch` holds them: bucket, items, bucket, items, … */
  readonly runTimes: readonly number[];
  /** Sum of their run times, in ms, and the longest. */
  readonly timesMs: number;
  readonly maxMs: number;
  /** When it began, in ms of Redis's time, worked out from its first report. Absent in the first report. */
  readonly startedAtMs?: number;
  /** For how long no item has come to its outcome, in ms; since it began, if none has. */
  readonly quietMs: number;
  /** Number of all its jobs, if it was retried from outside. */
  readonly jobs?: number;
  /** It has no producer: it was retried from outside, and nobody has attached to it since. */
  readonly unattended?: true;
  /** Failed items in each group of errors, by number of the group. */
  readonly errors?: readonly number[];
  /** How long after its call the last item of each of these groups failed, in ms. */
  readonly errorsLastMs?: readonly number[];
  /** Why it ended before its items did. */
  readonly reason?: string;
}

/** A group of a map's errors: the same name, and messages that differ in numbers at most. */
export interface ErrorGroup {
  readonly name: string;
  /** Message of the first error, cut at 500 characters. */
  readonly message: string;
  /** Another error of the group has another message, so that this one is an example. Absent: none has. */
  readonly messagesDiffer?: true;
  /** Stack of the first error, cut at 4,000 characters, if it has one. */
  readonly stack?: string;
  /** Indices of the first 100 items. */
  readonly indices: readonly number[];
}
