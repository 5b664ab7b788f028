import { InvalidOptionError, PoolmqError, RedisConnectionError } from "@poolmq/shared";

import { EXIT } from "./exit-code.ts";
import type { ExitCode } from "./exit-code.ts";
import { userStack } from "../../tasks-module/user-stack.ts";
import { DashboardPortError, HealthPortError, SignalPortError } from "../../health/health-port-error.ts";

/** Errors whose message says all that is in their cause, and whose stack shows only libraries. */
const WHOLE = [HealthPortError, DashboardPortError, SignalPortError, RedisConnectionError];

/** The exit code of a command that ended in this error: 2 if the command line is wrong, else 1. */
export function exitCodeFor(error: unknown): ExitCode {
  return error instanceof InvalidOptionError ? EXIT.usage : EXIT.error;
}

/**
 * Prints an error. poolmq's own errors are printed as sentences, users' errors with their stack, and any other error as a
 * bug of poolmq.
 */
export function reportError(error: unknown): void {
  if (!(error instanceof PoolmqError)) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    process.stderr.write(`poolmq: ${text}\n`);
    return;
  }
  process.stderr.write(`poolmq: ${error.message}\n`);
  if (WHOLE.some((kind) => error instanceof kind)) return;
  const stack = userStack(error.cause);
  if (stack !== undefined) process.stderr.write(`${stack}\n`);
}

/** As `reportError`, for commands that look at a queue. */
export function reportUnseen(error: unknown): void {
  reportError(error);
  if (error instanceof RedisConnectionError && error.reason === "unreachable") tellOfPoolsInMemory();
}

/** Printed when there is no Redis: the user may be looking for a pool in memory, which needs none. */
export function tellOfPoolsInMemory(): void {
  process.stderr.write(
    "A pool that was made without `connection` has its queue in its own memory, where no command sees it. " +
      'To watch it, start a Redis and give the pool `connection: "redis://127.0.0.1:6379"`.\n',
  );
}
