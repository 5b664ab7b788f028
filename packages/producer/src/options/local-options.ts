/** Options of a pool's own worker processes, on the machine that it runs on. */

import { totalmem } from "node:os";

import { InvalidOptionError } from "@poolmq/shared";
import type { ProcessOptions } from "@poolmq/shared";
import {
  availableCores,
  Cgroup,
  checkInteger,
  checkRunsProcesses,
  PROCESS_OPTIONS,
  resolveProcessOptions,
} from "@poolmq/shared/internal";
import type { ResolvedProcessOptions } from "@poolmq/shared/internal";

import { readModulePath } from "./read-tasks.ts";

const MIB = 1024 * 1024;

/** The least memory of a Node process that has loaded a small tasks module. */
const PROCESS_BYTES = 32 * MIB;

/** Options of a pool's own worker processes. */
export interface LocalOptions extends ProcessOptions {
  /**
   * Worker processes to start on this machine, at least 1; they end with the pool. Needs `tasks` as a path or URL.
   * @defaultValue one per available core if `tasks` is a path or URL and no Redis is configured, else none
   */
  readonly processes?: number | undefined;
}

/** `LocalOptions`, checked and complete. */
export interface ResolvedLocalOptions extends ResolvedProcessOptions {
  /** Path of the tasks module. */
  readonly module: string;
  readonly processes: number;
}

export const LOCAL_OPTIONS: readonly (keyof LocalOptions)[] = ["processes", ...PROCESS_OPTIONS];

/**
 * Checks the options and fills in the defaults.
 *
 * @param hasRedis - whether a Redis is configured, so that there may be a fleet
 * @returns undefined if the pool has no worker processes of its own
 * @throws InvalidOptionError
 */
export function resolveLocalOptions(
  options: LocalOptions & { readonly tasks?: unknown },
  hasRedis: boolean,
): ResolvedLocalOptions | undefined {
  const { processes, tasks } = options;
  if (processes === undefined && hasRedis) {
    const stray = LOCAL_OPTIONS.find((name) => options[name] !== undefined);
    if (stray === undefined) return undefined;
    throw new InvalidOptionError(
      `\`${stray}\` is for local worker processes, of which this pool has none: give \`processes\` too, or set it where the workers run`,
    );
  }
  if (processes === undefined && (tasks === undefined || isModule(tasks))) {
    throw new InvalidOptionError(
      "No Redis is configured: give `connection` or set REDIS_URL to reach a fleet, or give `tasks` (a path or URL) for worker processes on this machine",
    );
  }
  checkRunsProcesses();
  return {
    module: readModulePath(tasks, "local worker processes load"),
    processes: checkProcesses(processes),
    ...resolveProcessOptions(options),
  };
}

/** @throws InvalidOptionError if the memory can't even hold that many idle processes */
function checkProcesses(processes: number | undefined): number {
  if (processes === undefined) return availableCores();
  checkInteger("processes", processes, { min: 1, max: 1024 });
  const memory = Math.min(totalmem(), new Cgroup().memoryLimitBytes ?? Infinity);
  const most = Math.max(1, Math.floor(memory / PROCESS_BYTES));
  if (processes <= most) return processes;
  throw new InvalidOptionError(
    `Expected \`processes\` to be at most ${most}, got ${processes}: each takes ${PROCESS_BYTES / MIB} MiB or more, and there are ${Math.floor(memory / MIB)} MiB of memory. To wait for many things at a time, give a \`concurrency\``,
  );
}

function isModule(tasks: unknown): boolean {
  return typeof tasks === "object" && !(tasks instanceof URL);
}
