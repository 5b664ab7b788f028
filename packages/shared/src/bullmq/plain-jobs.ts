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

import { createRedisBackend, raw2NextJobData } from "bullmq";
import type { BackendFactory, QueueBaseOptions, RedisQueueBackend, WorkerOptions } from "bullmq";
import type { Cluster, Redis } from "ioredis";

import { RedisClock } from "../store/keys/redis-clock.ts";
import { inOurTime, keepRedisTime } from "./keep-redis-time.ts";
import { ADD, COMPLETE, FETCH, FETCH_BYTES, withStoredJob } from "./plain-scripts.ts";
import type { FetchReply } from "./plain-scripts.ts";

import { isUnknownScript, runScript } from "../redis/run-script.ts";

/** What `COMPLETE` says of a job that is not plain. */
const NOT_PLAIN = -100;

/** Jobs in one script. This many keep Redis from everything else for about a millisecond. */
const AT_ONCE = 50;

/** Characters of jobs that are added in one script: a server may limit the size of a command. */
const ADD_LENGTH = 256 * 1024;

/**
 * Where a map's jobs are all added at once, this many go into BullMQ's own list before the rest is staged. Small maps
 * can then be served by BullMQ's own workers too.
 */
const MAX_UNSTAGED = 8;

/** The options with which a plain job may be added. BullMQ stores them under these very names. */
const PLAIN_OPTIONS: ReadonlySet<string> = new Set([
  "jobId",
  "attempts",
  "backoff",
  "delay",
  "priority",
  "timestamp",
]);

/** SCRIPT FLUSH may be called again while jobs are added again, but hardly this often. */
const MAX_TRIES = 20;

type Added = Parameters<RedisQueueBackend["addJobs"]>[0][number];
type Complete = RedisQueueBackend["moveToCompleted"];
type Completed = Awaited<ReturnType<Complete>>;

interface Waiting {
  readonly args: Parameters<Complete>;
  readonly settled: PromiseWithResolvers<Completed>;
}

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
    keepRedisTime(backend, clock);
    shortenCompleting(backend, redis, options, clock);
    return backend;
  };
}

function shortenAdding(backend: RedisQueueBackend, redis: Redis | Cluster, stages: boolean): void {
  const queueKeys = keysOf(backend, ADDING_KEYS);
  const addOtherwise = backend.addJobs.bind(backend);

  async function addPlain(entries: readonly Added[]): Promise<boolean> {
    const args: (string | number)[] = [backend.toKey(""), stages ? MAX_UNSTAGED : "inf"];
    for (const { job, jobId } of entries) {
      const { name, data, opts, timestamp } = job;
      args.push(jobId, name, data, JSON.stringify(opts), timestamp, opts.priority ?? 0);
    }
    return (await runScript(redis, ADD, queueKeys, args)) === 1;
  }

  backend.addJobs = async (entries) => {
    const sent: Promise<unknown>[] = [];
    for (let start = 0; start < entries.length;) {
      const end = endOfBatch(entries, start);
      sent.push(addSome(entries.slice(start, end)));
      start = end;
    }
    await Promise.all(sent);
    return entries.map(({ jobId }) => jobId);
  };

  async function addSome(entries: Added[]): Promise<void> {
    if (!entries.every(isPlain) || !(await addPlain(entries))) await addFully(entries);
  }

  /**
   * Adds jobs in BullMQ's own way, which is a pipeline. When Redis has forgotten a script, ioredis repeats a single
   * command, but not one in a pipeline. Jobs have ids, so adding all of them again adds only those that are missing.
   */
  async function addFully(entries: Added[]): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      try {
        await addOtherwise(entries);
        return;
      } catch (error) {
        if (!isUnknownScript(error) || tries === MAX_TRIES) throw error;
      }
    }
  }
}

/** Index behind the last entry of the batch that begins at `start`. A batch has at least one entry. */
function endOfBatch(entries: readonly Added[], start: number): number {
  let end = start + 1;
  for (
    let length = entries[start]?.job.data.length ?? 0;
    end < Math.min(entries.length, start + AT_ONCE);
    end++
  ) {
    length += entries[end]?.job.data.length ?? 0;
    if (length > ADD_LENGTH) break;
  }
  return end;
}

function isPlain({ job, jobId, parentKeyOpts }: Added): boolean {
  return (
    typeof jobId === "string" &&
    jobId !== "" &&
    (parentKeyOpts?.parentKey ?? "") === "" &&
    job.parent === undefined &&
    job.repeatJobKey === undefined &&
    job.deduplicationId === undefined &&
    (job.opts.delay ?? 0) === 0 &&
    Object.entries(job.opts).every(([option, value]) => value === undefined || PLAIN_OPTIONS.has(option))
  );
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
  const queueKeys = keysOf(backend, FETCHING_KEYS);
  let waiting: Waiting[] = [];

  async function complete(some: readonly Waiting[]): Promise<void> {
    const finishedOn = clock.nowMs;
    const args: (string | number)[] = [backend.toKey(""), finishedOn, lockDuration ?? 0, name];
    for (const {
      args: [job, , , token, fetchNext],
    } of some) {
      args.push(job.id ?? "", token, fetchNext && backend.closing === undefined ? 1 : 0);
    }
    const replies = (await runScript(redis, COMPLETE, queueKeys, args)) as 0 | (number | FetchReply)[];
    for (const [i, { args: asked, settled }] of some.entries()) {
      const reply = replies === 0 ? NOT_PLAIN : (replies[i] ?? NOT_PLAIN);
      if (reply === NOT_PLAIN) {
        settled.resolve(completeOtherwise(...asked));
        continue;
      }
      try {
        settled.resolve(read(reply, asked[0].id ?? "", finishedOn));
      } catch (error) {
        // Only this caller's next job could not be read; the other jobs of the script are unaffected.
        settled.reject(error);
      }
    }
  }

  function read(reply: number | FetchReply, jobId: string, finishedOn: number): Completed {
    if (typeof reply === "object") {
      const fetched = withStoredJob(inOurTime(reply, clock.aheadMs), { nowMs: finishedOn, worker: name });
      return { result: raw2NextJobData(fetched), finishedOn };
    }
    if (reply === 0) return { result: [], finishedOn };
    throw backend.finishedErrors({ code: reply, jobId, command: "moveToFinished", state: "active" });
  }

  function flush(): void {
    const all = waiting;
    waiting = [];
    for (let start = 0; start < all.length; start += AT_ONCE) {
      const some = all.slice(start, start + AT_ONCE);
      complete(some).catch((error: unknown) => {
        for (const { settled } of some) settled.reject(error);
      });
    }
  }

  backend.moveToCompleted = (...args) => {
    if (args[2] !== undefined) return completeOtherwise(...args);
    if (waiting.length === 0) setImmediate(flush);
    const settled = Promise.withResolvers<Completed>();
    waiting.push({ args, settled });
    return settled.promise;
  };
}

/** Jobs that one script fetched. */
export interface FetchedJobs {
  /** What BullMQ's script gives for each. */
  readonly jobs: readonly unknown[][];
  /** The queue has no waiting job left, and no delayed one. */
  readonly isEmpty: boolean;
}

/**
 * Fetches up to `count` jobs in one script, all with the same token; BullMQ itself fetches one after the other, and
 * waits for each. Gives none if the queue is empty or not plain; the caller then lets BullMQ fetch.
 */
export async function fetchPlainJobs(
  redis: Redis | Cluster,
  backend: RedisQueueBackend,
  lock: { readonly token: string; readonly durationMs: number; readonly worker: string },
  count: number,
  clock: Pick<RedisClock, "nowMs">,
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
  ])) as 0 | [isEmpty: 0 | 1, ...jobs: FetchReply[]];
  if (reply === 0) return { jobs: [], isEmpty: false };
  const [isEmpty, ...fetched] = reply;
  const jobs = fetched.map((job) => withStoredJob(job, { nowMs, worker: lock.worker }));
  return { jobs, isEmpty: isEmpty === 1 };
}

const ADDING_KEYS = ["wait", "active", "meta", "marker", "events", "prioritized", "pc", "turns", "accounts"];
const FETCHING_KEYS = [...ADDING_KEYS.slice(0, 6), "delayed", "stalled", "pc", "turns", "accounts"];

function keysOf(backend: RedisQueueBackend, names: readonly string[]): string[] {
  return names.map((name) => backend.toKey(name));
}
