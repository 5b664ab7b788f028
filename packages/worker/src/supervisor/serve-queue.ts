/** How a machine's BullMQ worker is set up. */

import { ErrorCode } from "@poolmq/shared/redis";
import type { Cluster, Redis } from "ioredis";
import type { Logger } from "pino";

import type { QueueKeys, RedisClock } from "@poolmq/shared/redis";

import type { ThrottledLog } from "../log/throttled-log.ts";
import { JobQueue } from "../queue/job-queue.ts";
import type { JobQueueHooks } from "../queue/eager-worker.ts";
import { mendJobs } from "../queue/mend-jobs.ts";
import { OutageLog } from "./outage-log.ts";
import type { ServedMachine } from "./served-machine.ts";

/** BullMQ's own limit fails a job without an outcome. `refuseJob` gives up long before. */
const NO_STALL_LIMIT = 1_000_000;

/** After an error of the queue, a fetch is tried again after this long, in ms. */
const RETRY_FETCH_MS = 500;

/** Makes the queue. It takes no job before `run()`. */
export function serveQueue(
  { id, crew, options }: Pick<ServedMachine, "id" | "crew" | "options">,
  { redis, keys, clock }: { redis: Redis | Cluster; keys: QueueKeys; clock: RedisClock },
  hooks: JobQueueHooks,
  { log, refusals }: { log: Logger; refusals: ThrottledLog },
): JobQueue {
  const queue = new JobQueue(redis, clock, keys.bullName, hooks, {
    prefix: keys.bullPrefix,
    name: id,
    autorun: false,
    concurrency: crew.capacity,
    lockDuration: options.lockDurationMs,
    stalledInterval: options.stalledIntervalMs,
    maxStalledCount: NO_STALL_LIMIT,
    skipLockRenewal: true,
    runRetryDelay: RETRY_FETCH_MS,
    removeOnComplete: { count: 0 },
    removeOnFail: { count: 0 },
  });
  queue.on("error", (error) => {
    if (OutageLog.isOf(error)) return;
    // The job is in other hands. `Locks` has said so when it noticed, and the late outcome changes nothing.
    if (isLockLost(error)) return log.debug({ err: error }, "a late step of a lost job was refused");
    refusals.refused("queue error", error);
    // Such errors come from BullMQ's parsing of a damaged job.
    if (error instanceof SyntaxError || error instanceof TypeError) void mendJobs(redis, keys, log);
  });
  return queue;
}

function isLockLost(error: Error): boolean {
  const code = "code" in error ? error.code : undefined;
  return code === ErrorCode.JobLockNotExist || code === ErrorCode.JobLockMismatch;
}
