/**
 * BullMQ's Redis backend, with a short way for plain jobs: all that are added or completed in one turn of the event
 * loop go to Redis in one script, which does only what such jobs need.
 *
 * BullMQ sends a command for each job that it adds or completes. Most of what its scripts look at there is about
 * parents, deduplication, rate limits, metrics and events, of which a plain job has none; for a short function that
 * was more than half of all the time of Redis, and a good part of a supervisor's.
 *
 * A job is plain if it has no parent, delay, deduplication or schedule, and is not kept once it is completed. Whatever
 * else is asked for goes BullMQ's own way, and so does everything while the queue is paused, limited, or has delayed jobs
 * that are due. Both ways keep the same data in the same keys: a job added in one is completed in the other, by any
 * version of BullMQ 6. What is left out are BullMQ's events of these jobs.
 *
 * The jobs of maps that share a queue wait on lists of their own, from which only the short way takes them (`turns.ts`). They
 * are put into BullMQ's list as soon as somebody limits the queue.
 *
 * There is one more difference: here, jobs with a priority go before all others. BullMQ's own scripts serve those without one
 * first, so that everybody else would have to be polite in advance.
 */

import { createRedisBackend } from "../clients/clients.ts";
import type { BackendFactory, QueueBaseOptions, RedisQueueBackend, WorkerOptions } from "bullmq";
import type { Cluster, Redis } from "ioredis";

import { RedisClock } from "../store/keys/redis-clock.ts";
import { Completions, NOT_PLAIN } from "./completions.ts";
import { keepRedisTime } from "./keep-redis-time.ts";
import { FetchReader } from "./fetch-reader.ts";
import type { FetchReply, NextJobData } from "./fetch-reader.ts";
import { handBackInOrder } from "./hand-back.ts";
import { waitForHanded } from "./hand-over.ts";
import { AT_ONCE, FETCH, FETCH_BYTES } from "./plain-scripts.ts";

import { runScript } from "../redis/run-script.ts";
import { shortenAdding } from "./add-jobs.ts";

/**
 * A factory of backends for BullMQ's queues and workers, whose connection is `redis`.
 *
 * @param stages - all jobs of a map are added at once: they wait on its stage, even while no other map is there
 */
export function plainJobs(
  redis: Redis | Cluster,
  clock: Pick<RedisClock, "nowMs" | "aheadMs"> = new RedisClock(redis),
  stages = false,
): BackendFactory<RedisQueueBackend> {
  return (name, options, context) => {
    const backend = createRedisBackend(name, options, context);
    shortenAdding(backend, redis, stages);
    const { name: worker } = options as Partial<WorkerOptions>;
    if (worker !== undefined) waitForHanded(backend, worker);
    keepRedisTime(backend, clock);
    handBackInOrder(backend, redis);
    shortenCompleting(backend, redis, options, clock);
    return backend;
  };
}

function shortenCompleting(
  backend: RedisQueueBackend,
  redis: Redis | Cluster,
  options: QueueBaseOptions,
  clock: Pick<RedisClock, "nowMs" | "aheadMs">,
): void {
  const { removeOnComplete, limiter, metrics, lockDuration, name = "" } = options as Partial<WorkerOptions>;
  const keepsNone = typeof removeOnComplete === "object" && removeOnComplete.count === 0;
  if (!keepsNone || limiter !== undefined || metrics !== undefined || lockDuration === undefined) return;
  const completeOtherwise = backend.moveToCompleted.bind(backend);
  const lock = { durationMs: lockDuration, worker: name };
  const completions = new Completions(redis, backend, keysOf(backend, FETCHING_KEYS), lock, clock);
  COMPLETIONS.set(backend, completions);

  backend.moveToCompleted = async (...args) => {
    const [job, , removes, token, fetchNext] = args;
    if (removes !== undefined) return await completeOtherwise(...args);
    const { id = "" } = job;
    const done = { id, token, fetchNext: fetchNext && backend.closing === undefined };
    const { code, next, finishedOn } = await completions.add(done);
    if (code === NOT_PLAIN) return await completeOtherwise(...args);
    if (next instanceof Error) throw next;
    if (code === 0) return { result: next, finishedOn };
    throw backend.finishedErrors({ code, jobId: id, command: "moveToFinished", state: "active" });
  };
}

/** By backend of a worker whose plain jobs are completed the short way. */
const COMPLETIONS = new WeakMap<RedisQueueBackend, Completions>();

/** How a worker completes plain jobs with their outcomes. Undefined if it was not made by `plainJobs`, or keeps its jobs. */
export function completionsOf(backend: RedisQueueBackend): Completions | undefined {
  return COMPLETIONS.get(backend);
}

/** Jobs that one script fetched. */
export interface FetchedJobs {
  /** What BullMQ makes of each. */
  readonly jobs: readonly NextJobData[];
  /** An error for each further one that can't be read. */
  readonly unreadable: readonly Error[];
  /** The queue has no waiting job left, and no delayed one. */
  readonly isEmpty: boolean;
}

/**
 * Fetches up to `count` jobs in one script, all with the same token; BullMQ itself fetches one after the other, and
 * waits for each. Gives none if the queue is empty or not plain; the caller then lets BullMQ fetch.
 *
 * @param idle - how the machine is named among those that wait for a job, "" if it takes none that it is handed; and whether it
 *   has no other job in hand
 */
export async function fetchPlainJobs(
  redis: Redis | Cluster,
  backend: RedisQueueBackend,
  lock: { readonly token: string; readonly durationMs: number; readonly worker: string },
  count: number,
  clock: Pick<RedisClock, "nowMs">,
  idle: { readonly waiter: string; readonly isIdle: boolean } = { waiter: "", isIdle: false },
): Promise<FetchedJobs> {
  const { nowMs } = clock;
  const reply = (await runScript(redis, FETCH, keysOf(backend, FETCHING_KEYS), [
    backend.toKey(""),
    nowMs,
    lock.durationMs,
    lock.worker,
    lock.token,
    Math.min(count, AT_ONCE),
    FETCH_BYTES,
    idle.waiter,
    idle.isIdle ? 1 : 0,
  ])) as 0 | [isEmpty: 0 | 1, ...jobs: FetchReply[]];
  if (reply === 0) return { jobs: [], unreadable: [], isEmpty: false };
  const [isEmpty, ...fetched] = reply;
  const reader = new FetchReader({ nowMs, worker: lock.worker, aheadMs: 0 }, fetched);
  const jobs: NextJobData[] = [];
  const unreadable: Error[] = [];
  for (let job = reader.next(); job !== undefined; job = reader.next()) {
    if (job instanceof Error) unreadable.push(job);
    else jobs.push(job);
  }
  return { jobs, unreadable, isEmpty: isEmpty === 1 };
}

const FETCHING_KEYS = [
  "wait",
  "active",
  "meta",
  "marker",
  "events",
  "prioritized",
  "delayed",
  "stalled",
  "pc",
  "turns",
  "accounts",
  "idle",
];

function keysOf(backend: RedisQueueBackend, names: readonly string[]): string[] {
  return names.map((name) => backend.toKey(name));
}
