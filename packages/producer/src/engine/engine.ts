/**
 * What a pool stands on. A pool checks and begins calls, hands out handles and has a life; its engine moves the chunks
 * of its maps to workers and their outcomes back. There is one for each place where the queue can be.
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

/** What an engine needs to know of a call beside its map. */
export interface CallFacts {
  /** It has a `mapId`. */
  readonly durable: boolean;
  /** How many items of this very engine wait for it, one within the other; see `Engine.caller`. */
  readonly depth: number;
  /** For how long a durable map is kept once it was delivered, in ms; `undefined`: not at all. */
  readonly keepMs: number | undefined;
  /** Its `chunksize` is `"auto"`. */
  readonly autoChunks: boolean;
}

/** An `attach()`: where the outcomes of the map go, and how its errors are made. */
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
  /** Lets go of the map: it stays as it is for others. */
  fail(error: unknown): void;
  /** Ends the map, for everybody. */
  cancel(error: unknown): void;
}

/** An item that makes a call of its own pool. */
export interface Caller {
  /** How many items wait for the call, one within the other: at least 1. */
  readonly depth: number;
  /** Fires when the item is to stop. */
  readonly signal: AbortSignal | undefined;
}

export interface Engine {
  /** How many items the workers run at a time, as far as that is known. */
  readonly places: number;
  /** Tells, before the first map is read, how large a value may be, if the queue takes less than the pool's options allow. */
  onLargestValue?(tell: (largest: { readonly bytes: number; readonly setting: string }) => void): void;
  /**
   * The item of this engine that makes a call at this moment; `undefined` if none does. Absent where tasks can't reach
   * the pool that runs them, because they run in other processes or threads.
   *
   * @throws InvalidStateError if the call would wait for its caller
   */
  caller?(call: string): Caller | undefined;
  /** Refuses options of a call that this engine can't serve. @throws InvalidOptionError */
  check(options: { readonly mapId: string | undefined; readonly codeVersion?: string }): void;
  /** Brings a map under way. What it throws fails the map. */
  begin(run: MapRun, facts: CallFacts): Promise<void>;
  /** Takes up a map that was started with `mapId`. What goes wrong later is told to the sink. @throws InvalidOptionError */
  attach(request: AttachRequest): Attachment;
  /** Forgets a map with a `mapId` that is kept, once its results are stored elsewhere. */
  acknowledge(mapId: string): Promise<void>;
  /** Sends a value to the workers; gives the id by which arguments name it. */
  share(value: unknown): Promise<string>;
  /** Forgets a value that was shared, here and on the workers. */
  unshare(id: string): Promise<void>;
  /** Makes what waits of a map so urgent; and what another process sends of it, if `tells`. */
  setPriority(mapId: string, priority: number | undefined, tells?: boolean): Promise<void>;
  /** Waits until so many workers are there, or the pool takes no more calls. */
  ready(minWorkers: number): Promise<void>;
  stats(): Promise<PoolStats>;
  /** The last pending map has ended, or the first one begins. */
  onIdle(idle: boolean): void;
  /** Ends what was started: in good order, or hurried. */
  end(hurried: boolean): Promise<void>;
}

/** What an engine can ask of its pool. */
export interface EngineHost {
  /** Whether the pool takes calls. */
  readonly isOpen: boolean;
  /** Tells the user of something that is no error of a call. */
  warn(message: string, error?: unknown): void;
  /** What the engine stands on has ended, and can't be replaced: no call can succeed any more. */
  failAll(error: unknown): void;
  /** Keeps the process alive while something is waited for that is no map. */
  keepAliveWhile<V>(promise: Promise<V>): Promise<V>;
}
