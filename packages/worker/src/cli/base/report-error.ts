import { InvalidOptionError, PoolmqError, RedisConnectionError } from "@poolmq/shared";

import { EXIT } from "./exit-code.ts";
import type { ExitCode } from "./exit-code.ts";
import { DashboardPortError, HealthPortError } from "../../health/health-port-error.ts";

/** Errors whose sentence says all that is in their cause, whose stack is one of libraries. */
const WHOLE = [HealthPortError, DashboardPortError, RedisConnectionError];

/** The exit code of a command that ended in this error: 2 if the command line is wrong, else 1. */
export function exitCodeFor(error: unknown): ExitCode {
  return error instanceof InvalidOptionError ? EXIT.usage : EXIT.error;
}

/** Tells the user. Our own errors are sentences; the user's own come with their stack; any other is a bug of ours. */
export function reportError(error: unknown): void {
  if (!(error instanceof PoolmqError)) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    process.stderr.write(`poolmq: ${text}\n`);
    return;
  }
  process.stderr.write(`poolmq: ${error.message}\n`);
  if (WHOLE.some((kind) => error instanceof kind)) return;
  if (!(error.cause instanceof Error)) return;
  // The user's own frames, and the position above them if it is a syntax error; not those of Node's loader.
  const lines = (error.cause.stack ?? "")
    .split("\n")
    .filter((line) => !/^\s+at .*\bnode:internal\//.test(line));
  if (lines.length > 1) process.stderr.write(`${lines.join("\n")}\n`);
}

/** The same, of a command that looks at a queue. */
export function reportUnseen(error: unknown): void {
  reportError(error);
  if (error instanceof RedisConnectionError && error.reason === "unreachable") tellOfPoolsInMemory();
}

/** There is no Redis: the user may mean a pool that needs none. */
export function tellOfPoolsInMemory(): void {
  process.stderr.write(
    "A pool that was made without `connection` has its queue in its own memory, where no command sees it. " +
      'To watch it, start a Redis and give the pool `connection: "redis://127.0.0.1:6379"`.\n',
  );
}
