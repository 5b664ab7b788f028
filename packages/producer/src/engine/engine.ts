/**
 * What a pool stands on. A pool checks and begins calls, hands out handles and has a life; its engine moves the chunks of
 * its maps to workers, and their outcomes back. There is one engine for each place where the queue can be: Redis, this
 * process's memory, and this thread.
 */

import type { MapInsights } from "../account/map-insights.ts";
import type { MapProgress } from "../account/map-progress.ts";
import type { MapRun } from "../map/map-run.ts";
import type { Sink } from "../map/outcomes/sink.ts";
import type { CallSite, ErrorClass } from "../map/outcomes/read-outcomes.ts";

/** Counts of a queue, and what this pool has measured. */
export interface PoolStats {
  /** Jobs of all producers that wait for a worker. */
  readonly waiting: number;
  /** Jobs of all producers that workers have taken. */
  readonly active: number;
  /** Worker machines that are alive. */
  readonly machines: number;
  /** Worker processes on them, or threads of a `ThreadPool`. */
  readonly workers: number;
  /** Items of this pool that ended, per second over the last 10 s. */
  readonly throughput: number;
  /** Mean run time of an item of this pool, in ms; `undefined` before the first. */
  readonly runMs: number | undefined;
  /** Mean time from enqueuing an item of this pool to its outcome, without its run time, in ms. */
  readonly waitMs: number | undefined;
}

/** What an engine needs to know of a call in addition to its map. */
export interface CallFacts {
  /** Whether it has a `mapId`. */
  readonly durable: boolean;
  /** How many items wait for it in this thread, nested in one another: see `Engine.caller`. */
  readonly depth: number;
  /** For how long a durable map is kept once it was delivered, in ms; `undefined`: not at all. */
  readonly keepMs: number | undefined;
  /** Whether its `chunksize` is `"auto"`. */
  readonly autoChunks: boolean;
}

/** The request of an `attach()`: where the outcomes of the map go, and how its errors are made. */
export interface AttachRequest {
  readonly mapId: string;
  readonly sink: Sink;
  readonly callSite: CallSite;
  readonly classes: ReadonlyMap<string, ErrorClass> | undefined;
}

/** A map that was begun elsewhere and is read here. */
export interface Attachment {
  readonly id: string;
  readonly ended: boolean;
  readonly progress: MapProgress;
  readonly insights: MapInsights;
  /** Ends the reading here; the map stays as it is for other processes. */
  fail(error: unknown): void;
  /** Ends the map for all processes. */
  cancel(error: unknown): void;
}

/** An item that makes a call of its own pool, or of another one whose tasks run in the same thread. */
export interface Caller {
  /** How many items wait for the call, nested in one another, at least 1. */
  readonly depth: number;
  /** Fires when the item is to stop, if it is of this pool. */
  readonly signal: AbortSignal | undefined;
  /** An item of this pool may be waiting for the call, so that a pool that is closed has to serve it. */
  readonly mayBeWaitedFor: boolean;
}

export interface Engine {
  /** How many items the workers run at a time, as far as that is known. */
  readonly places: number;
  /** Calls `tell`, before the first map is read, if the queue takes only smaller values than the pool's options allow. */
  onLargestValue?(tell: (largest: { readonly bytes: number; readonly setting: string }) => void): void;
  /**
   * Gives the item of this engine whose code is making the call; `undefined` if it is not an item's code. Absent if tasks
   * can't reach the pool that runs them, because they run in other processes or threads.
   *
   * @throws InvalidStateError if the call would wait for its caller
   */
  caller?(call: string): Caller | undefined;
  /** Refuses options of a call that this engine can't serve. @throws InvalidOptionError */
  check(options: { readonly mapId: string | undefined; readonly codeVersion?: string }): void;
  /** Begins a map. If it throws, the map fails. */
  begin(run: MapRun, facts: CallFacts): Promise<void>;
  /** Takes up a map that was started with `mapId`. Later errors go to the sink. @throws InvalidOptionError */
  attach(request: AttachRequest): Attachment;
  /** Forgets a map with a `mapId` that is kept, once its results are stored elsewhere. */
  acknowledge(mapId: string): Promise<void>;
  /** Sends a value to the workers; gives the id by which arguments name it. */
  share(value: unknown): Promise<string>;
  /** Forgets a value that was shared, here and on the workers. */
  unshare(id: string): Promise<void>;
  /** Sets the priority of a map's waiting jobs and, if `tells`, of those that another process sends for it. */
  setPriority(mapId: string, priority: number | undefined, tells?: boolean): Promise<void>;
  /** Waits until there are `minWorkers` workers, or the pool takes no more calls. */
  ready(minWorkers: number): Promise<void>;
  stats(): Promise<PoolStats>;
  /** Called with true when the last pending map has ended, and with false when the first one begins. */
  onIdle(idle: boolean): void;
  /** Ends everything that was started: gracefully, or in a hurry. */
  end(hurried: boolean): Promise<void>;
}

/** What an engine can call on its pool. */
export interface EngineHost {
  /** Whether the pool takes calls. */
  readonly isOpen: boolean;
  /** Reports something to the user that is not an error of a call. */
  warn(message: string, error?: unknown): void;
  /** Fails all maps and further calls, because something that the engine needs has ended and can't be replaced. */
  failAll(error: unknown): void;
  /** Keeps the process alive while the promise is pending, for waits that are not maps. */
  keepAliveWhile<V>(promise: Promise<V>): Promise<V>;
}
