import type { ChunkSize } from "../input/chunk-size.ts";
import type { ArgumentLimit } from "../input/encode-items.ts";
import type { DescribeItem } from "./outcomes/describe-items.ts";
import type { Window } from "./in-flight.ts";
import type { ItemSource } from "../input/input.ts";
import type { CallSite, ErrorClass } from "./outcomes/read-outcomes.ts";
import type { Speculation } from "./stragglers.ts";
import type { JobOptions } from "./transport.ts";

/** The options of a map, made from its call. */
export interface MapRunOptions {
  readonly id: string;
  readonly task: string;
  /** Name of the pool's method. */
  readonly call: string;
  readonly input: ItemSource;
  /** Number of items, if it is known beforehand. */
  readonly length: number | undefined;
  /** `undefined`: the function's definition decides, which the engine knows; it sets `run.chunkSize` before `start()`. */
  readonly chunkSize: ChunkSize | undefined;
  readonly window: Window;
  /** Limit of the arguments of a job; `undefined`: no limit. */
  readonly argumentLimit: ArgumentLimit | undefined;
  /**
   * Whether to wait for a slow input to fill each chunk but the last, because another process that reads the input must
   * divide it in the same way.
   */
  readonly wholeChunks: boolean;
  readonly job: JobOptions;
  /** When a backup of a chunk is started. Absent: never. */
  readonly speculation?: Speculation | undefined;
  /** Whether an item's place in the window becomes free by `handOn`. Otherwise it does when the item is settled. */
  readonly keepsUntilRead: boolean;
  /** Whether the results stay with the transport until `look()` says that they were delivered. */
  readonly keepsUntilLookedAt?: boolean;
  /** Describes an item in errors that its function did not make. */
  readonly describeItem?: DescribeItem | undefined;
  /** Errors that a tasks module exports, by name: a remote error of that name is an instance. */
  readonly classes: () => ReadonlyMap<string, ErrorClass> | undefined;
  /** Where the call was made; a remote error shows it after the worker's stack. */
  readonly callSite: CallSite;
  readonly onTaskProgress?: ((value: unknown, index: number) => void) | undefined;
  /** Called with what an item printed and logged: a `LogBatch` as JSON. */
  readonly onTaskLog?: ((index: number, batch: string) => void) | undefined;
}
