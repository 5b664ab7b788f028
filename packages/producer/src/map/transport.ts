/** The interface between a map and what moves its chunks to workers: Redis and a fleet, or a queue in memory. */

import type { Limit, OutcomeText } from "@poolmq/shared/internal";

import type { MapProgress } from "../account/map-progress.ts";
import type { Chunk } from "../input/chunk.ts";
import type { MapEnd } from "./outcomes/sink.ts";

/** A map as its transport sees it: a `MapRun`, or one that another process began. */
export interface CarriedMap {
  readonly id: string;
  readonly task: string;
  readonly job: JobOptions;
  readonly ended: boolean;
  readonly progress: MapProgress;
  /**
   * How long outcomes may wait, in ms, so that many are read together: 0 if somebody may wait for the next one, or workers
   * may.
   */
  readonly patienceMs: number;
  /** First indices of the chunks that were sent and have no outcome yet. */
  readonly underWay: readonly number[];
  /** The chunks among `indices` that are under way. */
  chunks(indices: readonly number[]): Chunk[];
  /** Takes an outcome. @param bytes - the bytes that the text names */
  take(at: number, text: OutcomeText, facts: RunFacts, bytes?: Buffer): void;
  /** Cuts a chunk of which items were asked back: it keeps `items` of them, from the first on. */
  cut(at: number, items: number): void;
  taskProgress(index: number, value: unknown): void;
  taskLog(index: number, batch: string): void;
  /** Tells the number of items to an attached map, which does not count them itself. */
  sealed(total: number): void;
  fail(error: unknown): void;
}

/** What a transport knows of a run whose outcome it brings. */
export interface RunFacts {
  /** How long it ran, in ms. */
  readonly ms: number;
  /** How long its outcome was on its way, in ms, if that is known. */
  readonly transitMs?: number | undefined;
  /** The machine and process that ran it: the end of a `RanText` of the wire contract. */
  readonly by?: string | undefined;
}

/** What a transport needs to know of every job of a map. For `undefined`, the function's definition decides. */
export interface JobOptions {
  readonly attempts?: number;
  readonly backoff?: {
    readonly type: "fixed" | "exponential";
    readonly delayMs: number;
    readonly jitter?: number;
  };
  readonly taskTimeoutMs?: number;
  /** The limit under which its items run. The limit of the function's definition may be filled in before `start()`. */
  limit?: Limit | undefined;
  /** May change while the map runs. */
  priority?: number | undefined;
  /** Only machines with this version of the tasks' code run the job. */
  readonly codeVersion?: string;
  /** Whether to keep the arguments of failed items for a while. */
  readonly keepFailed?: true;
  /** Name of the function with which workers fold the results of a job. Set before the first job is sent. */
  reduce?: string;
  /** Gives the caller's trace for the job whose first item is `at`. */
  readonly trace?: (at: number) => string | undefined;
  /** Whether a job forwards what its items print and log. */
  readonly logs?: () => boolean;
}

/** The state of the last chunks of a map. */
export interface TailLook {
  /** Whether workers are idle. */
  readonly isIdle: boolean;
  /** By first index: for how long the chunk has been running, in ms. Those that do not run are missing. */
  readonly runningMs: ReadonlyMap<number, number>;
}

/** What a transport can do for the tail of a map. */
export interface TailHand {
  look(map: CarriedMap, chunks: readonly Chunk[]): Promise<TailLook>;
  /** Whether items of the map's chunks can be asked back. */
  canCut(map: CarriedMap): boolean;
  /** How many more items of the map the workers could run now. */
  idleSlots(map: CarriedMap): Promise<number>;
  /**
   * Asks for the items back that have not begun. If items are given back, the map's `cut` is called with the number that
   * each chunk keeps.
   */
  cut(map: CarriedMap, chunks: readonly Chunk[]): Promise<void>;
  /** Starts backups of chunks, elsewhere if possible. The first outcome of each counts; then the other run is stopped. */
  backUp(map: CarriedMap, chunks: readonly Chunk[]): Promise<void>;
}

/** Moves chunks to the workers and outcomes back. */
export interface Transport {
  /** Absent: nothing can be done for the tail of a map. */
  readonly tail?: TailHand;
  /** Resolves once the chunks are under way. Rejects if they never will be. */
  enqueue(map: CarriedMap, chunks: readonly Chunk[]): Promise<void>;
  /** Notes that the input was read to its end and has `total` items. Rejects if an earlier call had another number. */
  seal(map: CarriedMap, total: number): Promise<void>;
  /** Notes an item that got its outcome without being enqueued. */
  settledHere(map: CarriedMap, index: number, error: unknown): void;
  /**
   * Called when the map has all its outcomes and nobody has looked at them yet. Gives a function to call once somebody
   * has.
   */
  settle?(map: CarriedMap, end: MapEnd): (() => void) | undefined;
  /** Forgets a map that has ended, and removes its remaining jobs. */
  drop(map: CarriedMap, end: MapEnd): void;
}
