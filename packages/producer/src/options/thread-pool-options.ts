/** Options of a `ThreadPool`: documented, with defaults, checked in one place. */

import type { Logger } from "pino";

import type { HostOptions } from "@poolmq/shared";
import {
  availableCores,
  checkLogger,
  checkOptions,
  HOST_OPTIONS,
  resolveHostOptions,
} from "@poolmq/shared/internal";
import type { ResolvedHostOptions } from "@poolmq/shared/internal";

import { CALL_DEFAULTS, checkCallDefaults } from "./call-options.ts";
import type { CallDefaults, CheckedCallDefaults } from "./call-options.ts";
import { checkTelemetry } from "./telemetry-options.ts";
import type { ResolvedTelemetry, TelemetryOptions } from "./telemetry-options.ts";
import { readModulePath } from "./read-tasks.ts";

/** Options of a pool of threads. */
export interface ThreadPoolOptions extends CallDefaults, HostOptions {
  /** The tasks module: its path (from the working directory) or `file:` URL. Each thread loads it. */
  readonly tasks: URL | string;
  /** Number of threads, at least 1. @defaultValue one per available core */
  readonly threads?: number | undefined;
  /** Items that a thread runs before it is replaced, against leaks; 0 for no limit. @defaultValue 0 */
  readonly maxTasksPerThread?: number | undefined;
  /**
   * Memory for the objects of one thread, in MiB: an item that needs more ends its thread. What lies outside of
   * JavaScript's heap, such as a `Buffer`, does not count. @defaultValue V8's own limit
   */
  readonly maxMemoryPerThreadMb?: number | undefined;
  /**
   * What OpenTelemetry is told, where this process has set it up: a span for each map, a span for each item, and metrics.
   * `false` for nothing. @defaultValue true
   */
  readonly telemetry?: boolean | TelemetryOptions | undefined;
  /** Where to log; warnings that matter go to `process.emitWarning` without one. @defaultValue none */
  readonly logger?: Logger | undefined;
}

/** `ThreadPoolOptions`, checked and complete. */
export interface ResolvedThreadPoolOptions extends ResolvedHostOptions {
  readonly modulePath: string;
  readonly defaults: CheckedCallDefaults;
  readonly threads: number;
  readonly maxTasksPerThread: number;
  readonly maxMemoryPerThreadMb: number | undefined;
  readonly telemetry: ResolvedTelemetry | undefined;
  readonly logger: Logger | undefined;
}

const THREAD_POOL_OPTIONS: readonly (keyof ThreadPoolOptions)[] = [
  "tasks",
  "threads",
  ...HOST_OPTIONS,
  "maxTasksPerThread",
  "maxMemoryPerThreadMb",
  "telemetry",
  "logger",
  ...CALL_DEFAULTS,
];

/**
 * Checks a thread pool's options and fills in the defaults.
 *
 * @throws InvalidOptionError
 */
export function resolveThreadPoolOptions(options: ThreadPoolOptions): ResolvedThreadPoolOptions {
  const check = checkOptions(options, "thread pool options", THREAD_POOL_OPTIONS);
  return {
    ...resolveHostOptions(options),
    modulePath: readModulePath(options.tasks, "each thread loads"),
    defaults: checkCallDefaults(options),
    threads: check.integer("threads", availableCores(), { min: 1, max: 1024 }),
    maxTasksPerThread: check.integer("maxTasksPerThread", 0, { min: 0 }),
    maxMemoryPerThreadMb:
      options.maxMemoryPerThreadMb === undefined
        ? undefined
        : check.integer("maxMemoryPerThreadMb", 0, { min: 1, max: 2 ** 20 }),
    telemetry: checkTelemetry(options.telemetry),
    logger: checkLogger("logger", options.logger),
  };
}
