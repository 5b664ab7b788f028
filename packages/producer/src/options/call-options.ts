/** Options of a call: documented, with defaults, checked in one place. */

import { InvalidOptionError } from "@poolmq/shared";
import type { TaskDefaults } from "@poolmq/shared";
import {
  checkCodeVersion,
  checkInteger,
  checkMilliseconds,
  checkOptions,
  checkPriority,
  checkTaskDefaults,
  inspectBriefly,
  TASK_DEFAULTS,
} from "@poolmq/shared/internal";
import type { CheckedTaskDefaults } from "@poolmq/shared/internal";

import type { MapProgress } from "../account/map-progress.ts";
import type { TaskLog } from "../account/task-log.ts";
import type { Speculation } from "../map/stragglers.ts";

/** When `speculate` starts an item once more. */
export interface SpeculateOptions {
  /** It must have been running for this many times the median time of the map's items, at least 1. @defaultValue 3 */
  readonly factor?: number | undefined;
  /** It must also have been running for this long, in ms. @defaultValue 100 */
  readonly minMs?: number | undefined;
}

/** Options of a pool that are defaults for its calls. */
export interface CallDefaults extends TaskDefaults {
  /**
   * Priority of the items among all maps of the fleet, from 1, the most urgent, to 2097152. All of these go before maps
   * without a priority. @defaultValue none: the least urgent
   */
  readonly priority?: number | undefined;
  /**
   * Only machines that were started with this `--code-version` run the call. If no live machine has it, the call fails
   * with a `CodeVersionError`. For a fleet. @defaultValue any machine may run it
   */
  readonly codeVersion?: string | undefined;
  /**
   * Describes the item in the error of one that ran too long or took its process down: `true` for a short preview of its
   * arguments, or a function of the arguments that gives a text. No more than 200 characters are shown. Arguments may
   * hold what logs should not. Handles of `attach()` show none, as they have no arguments. @defaultValue false
   */
  readonly describeItem?: boolean | ((...args: never[]) => string) | undefined;
  /** Reject at the first failure, and cancel the rest. @defaultValue false */
  readonly failFast?: boolean | undefined;
  /**
   * Keeps the arguments of items that failed, so that `poolmq replay <map> <index>` can run them once more in a terminal:
   * of 20 jobs of a map, if they have at most 64 KiB, for 24 hours, and of the last 100 maps of a queue. A map with a
   * `mapId` keeps all of them in any case. @defaultValue false
   */
  readonly keepFailed?: boolean | undefined;
  /**
   * Starts an item a second time, on another machine if there is one, when nothing of the map is left to start, nothing
   * waits for a worker, and the item has been running for much longer than its siblings. The first outcome counts; the
   * other run is stopped, as by a cancel. Only for tasks that may run twice at the same time. `true` for the defaults.
   * @defaultValue false
   */
  readonly speculate?: boolean | SpeculateOptions | undefined;
  /** For streams: how many items may be in flight or waiting to be read, at least 1. @defaultValue 1000 */
  readonly buffersize?: number | undefined;
}

/**
 * Options of one call.
 *
 * @typeParam V - type of one result
 */
export interface CallOptions<V = unknown> extends CallDefaults {
  /** Cancels the map when it fires. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Makes the map durable: its items and outcomes stay in Redis until they are delivered, and `attach(mapId)`, or the
   * same call again, takes it up after this process died. 1 to 100 letters, digits, `_` or `-`. @defaultValue none
   */
  readonly mapId?: string | undefined;
  /**
   * With `mapId`: how long the outcomes stay in Redis after the map has ended, in ms, unless `acknowledge()` of the
   * handle is called before. During that time, `attach(mapId)` and the same call give them again.
   * @defaultValue none: they are removed once somebody has looked at the results, or 24 hours after the end
   */
  readonly keepMs?: number | undefined;
  /** Called once for each item that succeeded, in the order in which they finish. */
  readonly onResult?: ((result: V, index: number) => void) | undefined;
  /** Called once for each item that failed. */
  readonly onError?: ((error: unknown, index: number) => void) | undefined;
  /** Called at the start, when counts have changed (at most once in a turn of the event loop), and at the end. */
  readonly onProgress?: ((progress: MapProgress) => void) | undefined;
  /** Called with what a running task gives to `taskContext().progress()`. */
  readonly onTaskProgress?: ((value: unknown, index: number) => void) | undefined;
  /**
   * Brings what the items print (`console.log` and all) and log (`taskContext().log`) to this process: to `onLog`, or to
   * the pool's `logger`. The first 100 lines (16 KiB) of an item and 10000 of a map are sent; a last entry says how many
   * more there were.
   * Each line is still written to the worker's own log. Machines with `redactRemoteStacks` send none.
   * @defaultValue true if there is an `onLog`
   */
  readonly forwardLogs?: boolean | undefined;
  /** Called with each line that an item printed, and each record that it logged, before its outcome is reported. */
  readonly onLog?: ((log: TaskLog) => void) | undefined;
}

/** `CallDefaults`, checked. An absent field was not given, so that the function's definition decides. */
export interface CheckedCallDefaults extends CheckedTaskDefaults {
  readonly priority?: number;
  readonly codeVersion?: string;
  readonly describeItem?: boolean | ((...args: never[]) => string);
  readonly failFast?: boolean;
  readonly keepFailed?: boolean;
  readonly speculate?: Speculation | false;
  readonly buffersize?: number;
}

/** Options of a call over the pool's, checked. */
export interface ResolvedCallOptions<V> extends CheckedCallDefaults {
  readonly failFast: boolean;
  readonly buffersize: number;
  readonly signal: AbortSignal | undefined;
  readonly mapId: string | undefined;
  readonly keepMs: number | undefined;
  readonly onResult: CallOptions<V>["onResult"];
  readonly onError: CallOptions<V>["onError"];
  readonly onProgress: CallOptions<V>["onProgress"];
  readonly onTaskProgress: CallOptions<V>["onTaskProgress"];
  readonly forwardLogs: boolean;
  readonly onLog: CallOptions<V>["onLog"];
}

export const CALL_DEFAULTS: readonly (keyof CallDefaults)[] = [
  ...TASK_DEFAULTS,
  "priority",
  "codeVersion",
  "describeItem",
  "failFast",
  "keepFailed",
  "speculate",
  "buffersize",
];

const CALLBACKS = [
  "onResult",
  "onError",
  "onProgress",
  "onTaskProgress",
  "onLog",
] as const satisfies (keyof CallOptions)[];

const CALL_OPTIONS: readonly (keyof CallOptions)[] = [
  ...CALL_DEFAULTS,
  "signal",
  "mapId",
  "keepMs",
  "forwardLogs",
  ...CALLBACKS,
];

/** The defaults of Spark's speculative execution: `spark.speculation.multiplier` and `minTaskRuntime`. */
const SPECULATION: Speculation = { factor: 3, minMs: 100 };

const DEFAULTS = { failFast: false, buffersize: 1_000 } satisfies CallDefaults;

/** Checks those options that a pool may hold for its calls. @throws InvalidOptionError */
export function checkCallDefaults(options: CallDefaults): CheckedCallDefaults {
  const { priority, buffersize } = options;
  const failFast = checkBoolean("failFast", options.failFast);
  const keepFailed = checkBoolean("keepFailed", options.keepFailed);
  const { describeItem } = options;
  const speculate = checkSpeculate(options.speculate);
  if (describeItem !== undefined && typeof describeItem !== "boolean" && typeof describeItem !== "function") {
    throw new InvalidOptionError(
      `Expected \`describeItem\` to be true, false or a function, got ${inspectBriefly(describeItem)}`,
    );
  }
  const codeVersion = checkCodeVersion(options.codeVersion);
  return {
    ...checkTaskDefaults(options),
    ...(priority === undefined ? {} : { priority: checkPriority(priority) }),
    ...(codeVersion === undefined ? {} : { codeVersion }),
    ...(describeItem === undefined ? {} : { describeItem }),
    ...(failFast === undefined ? {} : { failFast }),
    ...(keepFailed === undefined ? {} : { keepFailed }),
    ...(speculate === undefined ? {} : { speculate }),
    ...(buffersize === undefined ? {} : { buffersize: checkInteger("buffersize", buffersize, { min: 1 }) }),
  };
}

/**
 * Checks the options of a call, over the pool's defaults.
 *
 * @throws InvalidOptionError
 */
export function resolveCallOptions<V>(
  options: CallOptions<V> = {},
  defaults: CheckedCallDefaults,
): ResolvedCallOptions<V> {
  const check = checkOptions(options, "call options", CALL_OPTIONS);
  const resolved = {
    ...DEFAULTS,
    ...defaults,
    ...checkCallDefaults(options),
    signal: checkSignal(options.signal),
    mapId: checkMapId(options.mapId),
    keepMs: checkKeepMs(options),
    onResult: options.onResult,
    onError: options.onError,
    onProgress: options.onProgress,
    onTaskProgress: options.onTaskProgress,
    forwardLogs: checkBoolean("forwardLogs", options.forwardLogs) ?? options.onLog !== undefined,
    onLog: options.onLog,
  };
  for (const name of CALLBACKS) check.function(name);
  if (resolved.mapId !== undefined && resolved.chunksize === "auto") {
    throw new InvalidOptionError(
      'Expected `chunksize` to be a number together with `mapId`, got "auto": whoever takes the map up must cut it the same way',
    );
  }
  return resolved;
}

/** Gives a map id that can be part of a key. @throws InvalidOptionError */
export function checkMapId(mapId: unknown): string | undefined {
  if (mapId === undefined || (typeof mapId === "string" && /^[\w-]{1,100}$/.test(mapId))) return mapId;
  throw new InvalidOptionError(
    `Expected \`mapId\` to be 1 to 100 letters, digits, "_" or "-", got ${inspectBriefly(mapId)}`,
  );
}

function checkKeepMs({ mapId, keepMs }: CallOptions<never>): number | undefined {
  if (keepMs === undefined) return undefined;
  const checked = checkInteger("keepMs", keepMs, { min: 1, max: 2 ** 31 - 1 });
  if (mapId !== undefined) return checked;
  throw new InvalidOptionError(
    "Expected `keepMs` together with `mapId`, under which the results are found again, got no `mapId`",
  );
}

function checkSpeculate(speculate: unknown): Speculation | false | undefined {
  if (speculate === undefined || speculate === false) return speculate;
  if (speculate === true) return SPECULATION;
  if (typeof speculate !== "object" || speculate === null) {
    throw new InvalidOptionError(
      `Expected \`speculate\` to be true, false or { factor?, minMs? }, got ${inspectBriefly(speculate)}`,
    );
  }
  checkOptions(speculate, "`speculate` option", ["factor", "minMs"]);
  const { factor = SPECULATION.factor, minMs = SPECULATION.minMs } = speculate as Partial<Speculation>;
  if (typeof factor !== "number" || !(factor >= 1) || factor === Infinity) {
    throw new InvalidOptionError(
      `Expected \`speculate.factor\` to be a number ≥ 1, got ${inspectBriefly(factor)}`,
    );
  }
  return { factor, minMs: checkMilliseconds("speculate.minMs", minMs, { min: 0 }) };
}

function checkBoolean(name: string, value: unknown): boolean | undefined {
  if (value === undefined || typeof value === "boolean") return value;
  throw new InvalidOptionError(`Expected \`${name}\` to be true or false, got ${inspectBriefly(value)}`);
}

function checkSignal(signal: unknown): AbortSignal | undefined {
  if (signal === undefined || signal instanceof AbortSignal) return signal;
  throw new InvalidOptionError(`Expected \`signal\` to be an AbortSignal, got ${inspectBriefly(signal)}`);
}
