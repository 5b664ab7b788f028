/** Options of a `ThreadPool`: documented, with defaults, checked in one place. */

import type { Logger } from "pino";

import { InvalidOptionError } from "@poolmq/shared";
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
import { readModulePath, readTasks } from "./read-tasks.ts";

/** Options of a pool of threads. */
export interface ThreadPoolOptions extends CallDefaults, HostOptions {
  /**
   * The tasks module: its path (from the working directory) or `file:` URL, from which each thread loads it. With
   * `threads: 0` also the imported module itself, so that mocks of it take effect.
   */
  readonly tasks: URL | string | object;
  /**
   * Number of threads. 0 runs the tasks in this very thread and event loop, for tests and debugging: mocks, coverage and
   * breakpoints work there, but a function that computes can't be stopped, and one that exits ends the program.
   * @defaultValue one per available core
   */
  readonly threads?: number | undefined;
  /** Items that a thread runs before it is replaced, against leaks; 0 for no limit. @defaultValue 0 */
  readonly maxTasksPerThread?: number | undefined;
  /**
   * Memory for the JavaScript heap of one thread, in MiB: an item that needs more ends its thread. Memory outside of that
   * heap, such as a `Buffer`, does not count. @defaultValue V8's own limit
   */
  readonly maxMemoryPerThreadMb?: number | undefined;
  /**
   * What is reported to OpenTelemetry, if this process has set it up: a span for each map, a span for each item, and
   * metrics. `false` for nothing. @defaultValue true
   */
  readonly telemetry?: boolean | TelemetryOptions | undefined;
  /** Where to log; warnings that matter go to `process.emitWarning` without one. @defaultValue none */
  readonly logger?: Logger | undefined;
}

/** `ThreadPoolOptions`, checked and complete. */
export interface ResolvedThreadPoolOptions extends ResolvedHostOptions {
  /** Path of the tasks module, if it was given as one. */
  readonly modulePath: string | undefined;
  /** The module itself, if it was given; there are no threads then. */
  readonly module: object | undefined;
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

/** Options that have no meaning if the tasks run in this thread. */
const OF_THREADS = ["env", "maxTasksPerThread", "maxMemoryPerThreadMb"] as const;

/**
 * Checks a thread pool's options and fills in the defaults.
 *
 * @throws InvalidOptionError
 */
export function resolveThreadPoolOptions(options: ThreadPoolOptions): ResolvedThreadPoolOptions {
  const check = checkOptions(options, "thread pool options", THREAD_POOL_OPTIONS);
  if (options.threads === 0) {
    const stray = OF_THREADS.find((name) => options[name] !== undefined);
    if (stray !== undefined) {
      throw new InvalidOptionError(
        `\`${stray}\` is for threads, of which this pool has none: leave it out, or give \`threads\` of at least 1`,
      );
    }
  }
  if (options.threads !== 0 || options.tasks === undefined)
    readModulePath(options.tasks, "each thread loads");
  return {
    ...resolveHostOptions(options),
    ...readTasks(options.tasks),
    defaults: checkCallDefaults(options),
    threads: check.integer("threads", availableCores(), { min: 0, max: 1024 }),
    maxTasksPerThread: check.integer("maxTasksPerThread", 0, { min: 0 }),
    maxMemoryPerThreadMb:
      options.maxMemoryPerThreadMb === undefined
        ? undefined
        : check.integer("maxMemoryPerThreadMb", 0, { min: 1, max: 2 ** 20 }),
    telemetry: checkTelemetry(options.telemetry),
    logger: checkLogger("logger", options.logger),
  };
}
