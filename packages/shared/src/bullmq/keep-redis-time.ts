/**
 * Makes a worker's delays follow Redis's clock. BullMQ writes down when a delayed job is due by the clock of the machine
 * that puts it off, and looks whether it is due by the clock of the machine that fetches it: between machines whose
 * clocks differ, a back-off of 3 s was one of 16 ms or of 21 s.
 */

import type { RedisQueueBackend } from "bullmq";

import type { RedisClock } from "../store/keys/redis-clock.ts";

/** Scripts whose first number is the time. They put jobs off, or look which of those that were put off are due. */
const TIMED: ReadonlySet<string> = new Set(["moveToActive", "moveToDelayed", "moveToFinished", "retryJob"]);

/** In the replies of those scripts that fetch a job, the place of when the next delayed job is due. */
const DUE = 3;

/** What is further from our time than this is none. */
const DAY_MS = 24 * 60 * 60_000;

/** Gives all that a worker's backend tells Redis, and hears from it, the time of Redis's clock. */
export function keepRedisTime(backend: RedisQueueBackend, clock: Pick<RedisClock, "aheadMs">): void {
  const execCommand = backend.execCommand.bind(backend);
  const waitForJob = backend.waitForJob.bind(backend);
  backend.execCommand = (client, name, args: unknown[]): unknown => {
    if (!TIMED.has(name)) return execCommand(client, name, args) as unknown;
    const reply = execCommand(client, name, inRedisTime(args, clock.aheadMs)) as unknown;
    // In a transaction, it is the transaction.
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

/** What a script that fetches gave: the worker waits for the next delayed job by this machine's clock. */
export function inOurTime<T>(fetched: T, aheadMs: number): T {
  if (!Array.isArray(fetched)) return fetched;
  const due = Number(fetched[DUE]);
  return due > 0 ? (fetched.with(DUE, due - aheadMs) as T) : fetched;
}
