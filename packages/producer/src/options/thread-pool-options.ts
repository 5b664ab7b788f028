/** Options of a `ThreadPool`: documented, with defaults, checked in one place. */

import type { Logger } from "pino";

import { InvalidOptionError } from "@poolmq/shared";
import { availableCores, checkLogger, checkOptions } from "@poolmq/shared/internal";

import { CALL_DEFAULTS, checkCallDefaults } from "./call-options.ts";
import type { CallDefaults, CheckedCallDefaults } from "./call-options.ts";
import { checkTelemetry } from "./telemetry-options.ts";
import type { ResolvedTelemetry, TelemetryOptions } from "./telemetry-options.ts";
import { readTasks } from "./pool-options.ts";

/** Options of a pool of threads. */
export interface ThreadPoolOptions extends CallDefaults {
  /** The tasks module: its path (from the working directory) or `file:` URL. Each thread loads it. */
  readonly tasks: URL | string;
  /** Number of threads, at least 1. @defaultValue one per available core */
  readonly threads?: number | undefined;
  /** Items that one thread runs at a time, at least 1: more than 1 helps functions that wait for I/O. @defaultValue 1 */
  readonly concurrency?: number | undefined;
  /** After how many lost threads an item is given up with a `WorkerLostError`, at least 1. @defaultValue 3 */
  readonly workerLossAttempts?: number | undefined;
  /** How long a thread may take to import the tasks module and run its `initializer`, in ms. @defaultValue 60000 */
  readonly startTimeoutMs?: number | undefined;
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
export interface ResolvedThreadPoolOptions {
  readonly modulePath: string;
  readonly defaults: CheckedCallDefaults;
  readonly threads: number;
  readonly concurrency: number;
  readonly workerLossAttempts: number;
  readonly startTimeoutMs: number;
  readonly maxMemoryPerThreadMb: number | undefined;
  readonly telemetry: ResolvedTelemetry | undefined;
  readonly logger: Logger | undefined;
}

const THREAD_POOL_OPTIONS: readonly (keyof ThreadPoolOptions)[] = [
  "tasks",
  "threads",
  "concurrency",
  "workerLossAttempts",
  "startTimeoutMs",
  "maxMemoryPerThreadMb",
  "telemetry",
  "logger",
  ...CALL_DEFAULTS,
];

const DEFAULTS = {
  concurrency: 1,
  workerLossAttempts: 3,
  startTimeoutMs: 60_000,
} satisfies Partial<ThreadPoolOptions>;

/**
 * Checks a thread pool's options and fills in the defaults.
 *
 * @throws InvalidOptionError
 */
export function resolveThreadPoolOptions(options: ThreadPoolOptions): ResolvedThreadPoolOptions {
  const check = checkOptions(options, "thread pool options", THREAD_POOL_OPTIONS);
  const { modulePath } = readTasks(options.tasks);
  if (modulePath === undefined) {
    throw new InvalidOptionError(
      "Expected `tasks` to be the path or file: URL of the tasks module, which each thread loads, got " +
        (options.tasks === undefined
          ? "undefined"
          : 'the module itself: write new URL("./tasks.ts", import.meta.url)'),
    );
  }
  return {
    modulePath,
    defaults: checkCallDefaults(options),
    threads: check.integer("threads", availableCores(), { min: 1, max: 1024 }),
    concurrency: check.integer("concurrency", DEFAULTS.concurrency, { min: 1, max: 10_000 }),
    workerLossAttempts: check.integer("workerLossAttempts", DEFAULTS.workerLossAttempts, { min: 1 }),
    startTimeoutMs: check.integer("startTimeoutMs", DEFAULTS.startTimeoutMs, {
      min: 100,
      // The longest that a timer can wait.
      max: 2 ** 31 - 1,
    }),
    maxMemoryPerThreadMb:
      options.maxMemoryPerThreadMb === undefined
        ? undefined
        : check.integer("maxMemoryPerThreadMb", 0, { min: 1, max: 2 ** 20 }),
    telemetry: checkTelemetry(options.telemetry),
    logger: checkLogger("logger", options.logger),
  };
}
