import type { Cluster, Redis } from "ioredis";
import { RedisConnectionError } from "@poolmq/shared";
import { connect } from "@poolmq/shared/redis";
import type { ResolvedConnection } from "@poolmq/shared/internal";

/** While a machine waits for Redis, each try may take this long, and a line says so once a minute. */
const TRY_MS = 5_000;
const REMINDER_MS = 60_000;

/** Where the reminders go. */
interface ReminderLog {
  warn(
    facts: { readonly redis: string; readonly reason: string; readonly waitedMs: number },
    message: string,
  ): void;
}

/**
 * Opens a connection. A Redis that is not there yet is waited for, so that a machine which starts in an outage does not
 * end and have to be started again; what only a change of settings can mend ends the start at once.
 *
 * @param waitMs - how long to wait; 0: as long as it takes
 * @throws RedisConnectionError
 */
export async function reachRedis(
  resolved: ResolvedConnection,
  options: { readonly role: "commands" | "blocking"; readonly name: string; readonly signal: AbortSignal },
  waitMs: number,
  log: ReminderLog,
): Promise<Redis | Cluster> {
  if (waitMs > 0) return await connect(resolved, { ...options, connectTimeoutMs: waitMs });
  const startedAt = performance.now();
  let toldAt = -Infinity;
  for (;;) {
    try {
      return await connect(resolved, { ...options, connectTimeoutMs: TRY_MS });
    } catch (error) {
      if (!mayPass(error)) throw error;
      const now = performance.now();
      if (now - toldAt < REMINDER_MS) continue;
      toldAt = now;
      const waitedMs = Math.round(now - startedAt);
      log.warn({ redis: resolved.address, reason: error.message, waitedMs }, "waiting for Redis");
    }
  }
}

/** Whether Redis only is not there, which may change by itself. */
export function mayPass(error: unknown): error is RedisConnectionError {
  return error instanceof RedisConnectionError && ["unreachable", "not-ready"].includes(error.reason);
}
