import type { Cluster, Redis } from "ioredis";
import { RedisConnectionError, RedisRefusedError } from "@poolmq/shared";
import { connect } from "@poolmq/shared/redis";
import type { ResolvedConnection } from "@poolmq/shared/internal";

/** How long each attempt may take, in ms, while a machine waits for Redis. */
const TRY_MS = 5_000;
const REMINDER_MS = 60_000;

/** Takes the reminder that the machine still waits, once a minute. */
interface ReminderLog {
  warn(
    facts: { readonly redis: string; readonly reason: string; readonly waitedMs: number },
    message: string,
  ): void;
}

/**
 * Opens a connection. If Redis can't be reached yet, it waits, so that a machine that starts in an outage need not be
 * started again. If waiting can't help (a wrong password, for example), the start fails at once.
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
  return await untilReached(
    resolved.address,
    waitMs,
    log,
    async (tryMs) => await connect(resolved, { ...options, connectTimeoutMs: tryMs }),
  );
}

/**
 * Tries a step of the start for as long as Redis can't be reached, or a script keeps it busy.
 *
 * @param waitMs - how long one try may take; 0: it is tried again, as long as it takes
 * @param step - is told how long it may take, in ms
 */
export async function untilReached<V>(
  address: string,
  waitMs: number,
  log: ReminderLog,
  step: (tryMs: number) => Promise<V>,
): Promise<V> {
  if (waitMs > 0) return await step(waitMs);
  const startedAt = performance.now();
  let toldAt = -Infinity;
  for (;;) {
    try {
      return await step(TRY_MS);
    } catch (error) {
      if (!mayPass(error)) throw error;
      const now = performance.now();
      if (now - toldAt < REMINDER_MS) continue;
      toldAt = now;
      const waitedMs = Math.round(now - startedAt);
      log.warn({ redis: address, reason: error.message, waitedMs }, "waiting for Redis");
    }
  }
}

/** Whether Redis just can't be reached, or is busy, which may pass by itself. */
export function mayPass(error: unknown): error is RedisConnectionError | RedisRefusedError {
  if (error instanceof RedisRefusedError) return error.reason === "busy";
  return error instanceof RedisConnectionError && ["unreachable", "not-ready"].includes(error.reason);
}
