/** Options of whatever runs tasks: worker machines, and the processes or threads of a pool's own. */

import { checkEnvironment, checkInteger, checkMilliseconds, given } from "./check-options.ts";

/** How the processes or threads that run tasks are kept. */
export interface HostOptions {
  /**
   * Items that one process (or thread) runs at a time, at least 1: more than 1 helps functions that wait for I/O.
   * @defaultValue 1
   */
  readonly concurrency?: number | undefined;
  /** After how many lost processes an item is given up with a `WorkerLostError`, at least 1. @defaultValue 3 */
  readonly workerLossAttempts?: number | undefined;
  /**
   * Largest result or error of an item, in bytes of its encoded form, at least 1024; a larger result is that item's
   * `LimitError`, and a larger error is cut down. @defaultValue 8388608 (8 MiB)
   */
  readonly maxOutcomeBytes?: number | undefined;
  /** How long a process may take to import the tasks module and run its `initializer`, in ms. @defaultValue 60000 */
  readonly startTimeoutMs?: number | undefined;
  /**
   * Environment variables for the tasks, in addition to the harmless ones that every process gets. @defaultValue none
   */
  readonly env?: Readonly<Record<string, string>> | undefined;
}

/** How worker processes are kept. */
export interface ProcessOptions extends HostOptions {
  /** Items that a process runs before it is replaced, against leaks; 0 for no limit. @defaultValue 0 */
  readonly maxTasksPerChild?: number | undefined;
  /**
   * Memory (resident set) above which a process is replaced between items, in MiB; above 1.5 times as much it is killed,
   * and its item is charged with the loss; 0 for no limit. The hard limit needs Linux. @defaultValue 0
   */
  readonly maxMemoryPerChildMb?: number | undefined;
}

/** `HostOptions`, checked and complete. */
export interface ResolvedHostOptions {
  readonly concurrency: number;
  readonly workerLossAttempts: number;
  readonly maxOutcomeBytes: number;
  readonly startTimeoutMs: number;
  readonly env: Readonly<Record<string, string>>;
}

/** `ProcessOptions`, checked and complete. */
export interface ResolvedProcessOptions extends ResolvedHostOptions {
  readonly maxTasksPerChild: number;
  readonly maxMemoryPerChildMb: number;
}

export const HOST_OPTIONS: readonly (keyof HostOptions)[] = [
  "concurrency",
  "workerLossAttempts",
  "maxOutcomeBytes",
  "startTimeoutMs",
  "env",
];

export const PROCESS_OPTIONS: readonly (keyof ProcessOptions)[] = [
  ...HOST_OPTIONS,
  "maxTasksPerChild",
  "maxMemoryPerChildMb",
];

const HOST_DEFAULTS: Readonly<Omit<ResolvedHostOptions, "env">> = {
  concurrency: 1,
  workerLossAttempts: 3,
  maxOutcomeBytes: 8 * 1024 * 1024,
  startTimeoutMs: 60_000,
};

export const PROCESS_DEFAULTS: Readonly<Omit<ResolvedProcessOptions, "env">> = {
  ...HOST_DEFAULTS,
  maxTasksPerChild: 0,
  maxMemoryPerChildMb: 0,
};

/** Checks the options and fills in the defaults. @throws InvalidOptionError */
export function resolveHostOptions(options: HostOptions): ResolvedHostOptions {
  return {
    concurrency: checkInteger("concurrency", given(options.concurrency, HOST_DEFAULTS.concurrency), {
      min: 1,
      max: 10_000,
    }),
    workerLossAttempts: checkInteger(
      "workerLossAttempts",
      given(options.workerLossAttempts, HOST_DEFAULTS.workerLossAttempts),
      { min: 1 },
    ),
    maxOutcomeBytes: checkInteger(
      "maxOutcomeBytes",
      given(options.maxOutcomeBytes, HOST_DEFAULTS.maxOutcomeBytes),
      { min: 1024, max: 128 * 1024 * 1024 },
    ),
    startTimeoutMs: checkMilliseconds(
      "startTimeoutMs",
      given(options.startTimeoutMs, HOST_DEFAULTS.startTimeoutMs),
      { min: 100 },
    ),
    env: checkEnvironment("env", options.env === undefined ? {} : options.env),
  };
}

/** Checks the options and fills in the defaults. @throws InvalidOptionError */
export function resolveProcessOptions(options: ProcessOptions): ResolvedProcessOptions {
  return {
    ...resolveHostOptions(options),
    maxTasksPerChild: checkInteger(
      "maxTasksPerChild",
      given(options.maxTasksPerChild, PROCESS_DEFAULTS.maxTasksPerChild),
      { min: 0 },
    ),
    maxMemoryPerChildMb: checkInteger(
      "maxMemoryPerChildMb",
      given(options.maxMemoryPerChildMb, PROCESS_DEFAULTS.maxMemoryPerChildMb),
      // A terabyte. A much larger number would have no effect as a limit.
      { min: 0, max: 2 ** 20 },
    ),
  };
}
