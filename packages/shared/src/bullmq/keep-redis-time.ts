/**
 * Makes a worker's delays follow Redis's clock. BullMQ writes down when a delayed job is due by the clock of the
 * machine that delays it, and compares that with the clock of the machine that fetches it. Between machines whose
 * clocks differed, a back-off of 3 s became one of 16 ms or of 21 s.
 */

import type { RedisQueueBackend } from "bullmq";

import type { RedisClock } from "../store/keys/redis-clock.ts";

/** BullMQ's scripts whose first numeric argument is the time. They delay jobs, or look which delayed jobs are due. */
const TIMED: ReadonlySet<string> = new Set(["moveToActive", "moveToDelayed", "moveToFinished", "retryJob"]);

/** Where the replies of scripts that fetch a job say when the next delayed job is due. */
const DUE = 3;

/** A number that differs from this machine's time by more than this is not a time. */
const DAY_MS = 24 * 60 * 60_000;

/**
 * Converts every time that a worker's backend sends to Redis, or receives from it, between this machine's clock and
 * Redis's.
 */
export function keepRedisTime(backend: RedisQueueBackend, clock: Pick<RedisClock, "aheadMs">): void {
  const execCommand = backend.execCommand.bind(backend);
  const waitForJob = backend.waitForJob.bind(backend);
  backend.execCommand = (client, name, args: unknown[]): unknown => {
    if (!TIMED.has(name)) return execCommand(client, name, args) as unknown;
    const reply = execCommand(client, name, inRedisTime(args, clock.aheadMs)) as unknown;
    // In a transaction, the reply is the transaction object, not a promise.
    return reply instanceof Promise
      ? reply.then((fetched: unknown) => inOurTime(fetched, clock.aheadMs))
      : reply;
  };
  // The marker that ends the wait tells when the next delayed job is due.
  backend.waitForJob = async (timeoutS) => {
    const marker = await waitForJob(timeoutS);
    return marker === null || marker.score <= 0 ? marker : { ...marker, score: marker.score - clock.aheadMs };
  };
}

function inRedisTime(args: readonly unknown[], aheadMs: number): unknown[] {
  const place = args.findIndex((arg) => typeof arg === "number");
  const time = args[place];
  if (typeof time !== "number" || Math.abs(time - Date.now()) > DAY_MS) return [...args];
  return args.with(place, time + aheadMs);
}

/**
 * Converts the reply of a script that fetches, since the worker waits for the next delayed job by this machine's clock.
 */
export function inOurTime<T>(fetched: T, aheadMs: number): T {
  if (!Array.isArray(fetched)) return fetched;
  const due = Number(fetched[DUE]);
  return due > 0 ? (fetched.with(DUE, due - aheadMs) as T) : fetched;
}
