/** Options of a pool's own worker processes, on the machine that it runs on. */

import { InvalidOptionError } from "@poolmq/shared";
import type { ProcessOptions } from "@poolmq/shared";
import {
  availableCores,
  checkInteger,
  PROCESS_OPTIONS,
  resolveProcessOptions,
} from "@poolmq/shared/internal";
import type { ResolvedProcessOptions } from "@poolmq/shared/internal";

import { readModulePath } from "./read-tasks.ts";

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
 * @param hasRedis - whether a Redis is configured, behind which a fleet may be
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
  return {
    module: readModulePath(tasks, "local worker processes load"),
    processes: checkInteger("processes", processes ?? availableCores(), { min: 1, max: 1024 }),
    ...resolveProcessOptions(options),
  };
}

function isModule(tasks: unknown): boolean {
  return typeof tasks === "object" && !(tasks instanceof URL);
}
