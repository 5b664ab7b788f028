/**
 * What can be seen of a queue: its jobs, the maps in flight, the worker machines. These shapes are what
 * `poolmq status --json` prints. Times are ms since 1970, converted to the clock of Redis.
 */

import type { MapState, RunTimes, TaskInfo } from "@poolmq/shared/internal";
import type { JobCounts } from "@poolmq/shared/redis";

/** A queue at one moment. */
export interface QueueView {
  readonly queue: string;
  /** When it was read. */
  readonly atMs: number;
  /** Workers finish what they have, and take no more until the queue is resumed. */
  readonly paused: boolean;
  readonly jobs: JobCounts;
  readonly redis: RedisView;
  /**
   * Those that run, by their start, then those that ended, the last first. Maps that succeeded in less than a second are
   * not reported.
   */
  readonly maps: readonly MapView[];
  /** The living machines, by host and id. */
  readonly machines: readonly MachineView[];
  /**
   * Each of the Redis servers over which the queue is spread. The fields above are then of all that answer, and `redis`
   * is the fullest. Absent: there is one server.
   */
  readonly shards?: readonly ShardView[];
}

/** One of the Redis servers over which a queue is spread. */
export interface ShardView {
  readonly address: string;
  /** False: what it holds is missing in this view. */
  readonly answers: boolean;
  readonly jobs: JobCounts | null;
  readonly redis: RedisView | null;
}

/** The server that holds the queue; in a Cluster, the node that does. */
export interface RedisView {
  readonly product: "redis" | "valkey";
  readonly version: string;
  readonly usedBytes: number;
  /** `maxmemory`; `null` if there is no limit. */
  readonly maxBytes: number | null;
  readonly clients: number;
}

/** A map, as its producer reports it once a second. */
export interface MapView {
  readonly id: string;
  readonly task: string;
  /** The pool's method: `map`, `starmap`, `imap`, …, `apply`. */
  readonly call: string;
  readonly state: MapState;
  /** Whether it has a `mapId`, and so outlives its producer. */
  readonly durable: boolean;
  readonly producer: ProducerView;
  readonly startedAtMs: number;
  /** `null` while it runs. */
  readonly endedAtMs: number | null;
  /** Number of items; `null` until its input has been read to its end. */
  readonly total: number | null;
  /** Items that have their outcome, failed ones included. */
  readonly done: number;
  readonly failed: number;
  /** Items that were enqueued and have no outcome yet: they wait or run. */
  readonly running: number;
  /** Why none of its items runs; `null` if one does, if it has ended, or if the reason is unknown. */
  readonly waitsFor: WaitsFor | null;
  /** Items per second that got their outcome, over the last 10 s; of a map that has ended, over its whole time. */
  readonly itemsPerS: number;
  /** How long the rest takes at this rate, in ms; `null` if that is unknown, as while it waits. */
  readonly leftMs: number | null;
  readonly runTimes: RunTimes;
  /**
   * Whether `poolmq retry` can run failed items of it again: it is durable, is delivered or has no producer, and is kept.
   */
  readonly retriable: boolean;
  /** Why it ended before all its items did; `null` if it did not. */
  readonly reason: string | null;
}

/**
 * Why nothing of a map runs, if nothing does:
 *
 * - `"resume"`: the queue is paused.
 * - `"workers"`: no worker process that has its function is ready. `codeVersion` is not considered.
 * - `"turn"`: machines run other maps, until this one's turn comes.
 * - `"limit"`: all of its enqueued jobs wait for a permit of their limit by key.
 * - `"retry"`: all of its enqueued jobs wait for the time of another attempt.
 */
export type WaitsFor = "resume" | "workers" | "turn" | "limit" | "retry";

interface ProducerView {
  readonly host: string;
  readonly pid: number;
  /** How long ago its producer last reported, in ms; of a map that has ended, at its end. */
  readonly silentMs: number;
  /** False if it was silent for 10 s while its map runs. A durable map goes on without it. */
  readonly alive: boolean;
}

/** A living worker machine. */
export interface MachineView {
  readonly id: string;
  readonly host: string;
  /** Process id of the supervisor. */
  readonly pid: number;
  /** Version of the worker package. */
  readonly version: string;
  /** Version of Node. */
  readonly node: string;
  /** Version of the tasks' code; `null` if none was given. */
  readonly codeVersion: string | null;
  /** How long ago its last heartbeat came, in ms. It beats every second. */
  readonly silentMs: number;
  /** Child processes that are ready. */
  readonly processes: number;
  /** Items that one of them runs at a time. */
  readonly concurrency: number;
  /** Registered functions by name. */
  readonly tasks: Readonly<Record<string, TaskInfo>>;
  /** Why it can't run anything; `null` if it can. */
  readonly unfit: { readonly module: string; readonly phase: string; readonly reason: string } | null;
  /** Jobs that it has taken and not begun; `null` as `children`. */
  readonly waiting: number | null;
  /** `null` until it has reported them, which it does only while somebody watches, and an older version never does. */
  readonly children: readonly ChildView[] | null;
}

/** A child process of a worker machine. */
export interface ChildView {
  readonly pid: number;
  /** `starting`: it loads the module; `retiring`: it ends after its present runs. */
  readonly state: "starting" | "ready" | "retiring";
  /** Items that it has run since its start. */
  readonly items: number;
  /** Its resident set, in bytes; `null` if the system does not report it. */
  readonly memoryBytes: number | null;
  /** Its processor time since its start, in ms; `null` if the system does not report it. */
  readonly cpuMs: number | null;
  /** What it runs now, the oldest first. */
  readonly running: readonly RunningView[];
  /** What it ran recently, the oldest first; short runs that followed one another are one span. */
  readonly spans: readonly SpanView[];
}

/** A job that runs. */
export interface RunningView {
  readonly task: string;
  readonly mapId: string;
  /** Index of the item that runs, if that is known, else of its first item. */
  readonly index: number;
  /** Number of its items. */
  readonly items: number;
  readonly attempt: number;
  readonly sinceMs: number;
}

/** What a process ran from when to when: one job, or several short ones of the same map. */
export interface SpanView {
  /** Number of the span among those of its process, from 0. Later views show it again, perhaps grown. */
  readonly no: number;
  readonly task: string;
  readonly mapId: string;
  readonly fromMs: number;
  readonly toMs: number;
  readonly items: number;
}

/** The errors of a map's items. */
export interface ErrorsView {
  readonly mapId: string;
  readonly task: string;
  readonly failed: number;
  /** The most frequent first. */
  readonly groups: readonly ErrorGroupView[];
  /** Failed items beyond the first 20 groups. */
  readonly others: number;
}

/** Errors of one name, whose messages differ in numbers at most. */
export interface ErrorGroupView {
  /** Name of the error's class; of a thrown value that is no error, its type. */
  readonly name: string;
  /** Message of the first error. */
  readonly message: string;
  /** Whether another error of the group has another message, so that this one is an example. */
  readonly messagesDiffer: boolean;
  readonly count: number;
  /** When its last item failed; `null` if that is not known. */
  readonly lastAtMs: number | null;
  /** Stack of the first error: the worker's frames, then the producer's; `null` if it has none. */
  readonly stack: string | null;
  /** Indices of the first 100 items. */
  readonly indices: readonly number[];
}
