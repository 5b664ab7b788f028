/** The BullMQ worker of a machine, set up so that it can't be steered or stopped by what it finds in Redis. */

import { raw2NextJobData, Worker } from "bullmq";
import type { Job, JobJson, Processor, WorkerOptions } from "bullmq";
import type { Cluster, Redis } from "ioredis";

import { fetchPlainJobs, plainJobs } from "@poolmq/shared/redis";
import type { RedisClock } from "@poolmq/shared/redis";

/** What a job holds: our data, or whatever else somebody wrote there. */
export type QueuedJob = Job<unknown, null>;

/** What BullMQ 6.7 has no public name for. */
interface MainLoop {
  /** What its loop has in hand: jobs that are being fetched, wait, or run. */
  readonly mainLoopQueue?: { numTotal(): number; add(job: Promise<QueuedJob | undefined>): void } | null;
}

/** What BullMQ makes a job of: its data, its id, the token of its lock. */
type FetchedJob = [data?: JobJson, jobId?: string, token?: string];

export interface JobQueueHooks {
  /** Called as soon as a job is fetched. What it resolves or rejects with decides what BullMQ does with the job. */
  process(job: QueuedJob, token: string): Promise<null>;
  /** BullMQ completes the job now, or moves it elsewhere: its lock is no longer to be renewed. */
  settled(job: QueuedJob, token: string): void;
}

/**
 * BullMQ fetches jobs one after the other, and begins with the first one only when it has as many as it may: far from
 * Redis, the first locks have expired by then, and the jobs run twice. So a job is begun when it is fetched.
 *
 * It also waits for each job before it fetches the next. Here as many are fetched at once as there are places for.
 *
 * BullMQ parses a job's data while it fetches the job; data that is not JSON throws there, and the job is fetched
 * again and again. Such a job is given to the processor with `undefined` as its data instead.
 */
export class JobQueue extends Worker<unknown, null> {
  readonly #hooks: JobQueueHooks;
  /** What becomes of the jobs that were begun when they were fetched, until BullMQ comes to them. */
  readonly #begun: Map<QueuedJob, Promise<null>>;
  readonly #redis: Redis | Cluster;
  readonly #clock: RedisClock;
  /** Jobs that were fetched and have not come to their end here. */
  inHand = 0;

  constructor(
    redis: Redis | Cluster,
    clock: RedisClock,
    name: string,
    hooks: JobQueueHooks,
    options: Omit<WorkerOptions, "connection">,
  ) {
    const begun = new Map<QueuedJob, Promise<null>>();
    const processor: Processor<unknown, null> = async (job, token = "") => {
      const ended = begun.get(job);
      begun.delete(job);
      try {
        return await (ended ?? this.#begin(job, token));
      } finally {
        hooks.settled(job, token);
      }
    };
    super(name, processor, { ...options, connection: redis }, plainJobs(redis, clock));
    this.#hooks = hooks;
    this.#begun = begun;
    this.#redis = redis;
    this.#clock = clock;
  }

  protected override async moveToActive(token: string, name?: string): Promise<Job<unknown, null>> {
    const { mainLoopQueue } = this as unknown as MainLoop;
    if (mainLoopQueue === undefined || mainLoopQueue === null) return await super.moveToActive(token, name);
    // The place of a job that was put off is free, and counted still.
    const places = Math.max(1, this.concurrency - mainLoopQueue.numTotal());
    const lock = { token, durationMs: this.opts.lockDuration ?? 0, worker: name ?? "" };
    const { jobs, isEmpty } = await fetchPlainJobs(this.#redis, this.backend, lock, places, this.#clock);
    // Each begins here, so in their order.
    const [first, ...others] = jobs.map((raw) => this.#take(raw, token));
    if (first === undefined && !isEmpty) return await super.moveToActive(token, name);
    for (const job of others) mainLoopQueue.add(job);
    const job = await first;
    // Saves two further requests that BullMQ would make before it waits for the next job.
    if (isEmpty) await super.nextJobFromJobData();
    return job as Job<unknown, null>;
  }

  /** `undefined` for one that can't be read: `error` tells of it. */
  async #take(raw: unknown[], token: string): Promise<QueuedJob | undefined> {
    try {
      const [data, id] = raw2NextJobData(raw) as [JobJson, string];
      return await this.nextJobFromJobData(data, id, token);
    } catch (error) {
      this.emit("error", error as Error);
      return undefined;
    }
  }

  protected override async nextJobFromJobData(...args: FetchedJob): Promise<Job<unknown, null>> {
    const job = await super.nextJobFromJobData(...args);
    // There is none if the queue is empty, whatever BullMQ's types say.
    if ((job as QueuedJob | undefined) !== undefined) {
      // Drops options of the job that would keep it when it is done: it would be taken for one that is still to be run.
      delete job.opts.removeOnComplete;
      delete job.opts.removeOnFail;
      const ended = this.#begin(job, job.token ?? "");
      ended.catch(() => {}); // told when BullMQ comes to it
      this.#begun.set(job, ended);
    }
    return job;
  }

  async #begin(job: QueuedJob, token: string): Promise<null> {
    this.inHand++;
    try {
      return await this.#hooks.process(job, token);
    } finally {
      this.inHand--;
    }
  }

  protected override createJob(data: unknown, jobId: string): Job<unknown, null> {
    try {
      return super.createJob(data as JobJson, jobId);
    } catch {
      const job = super.createJob(
        { ...(data as object), data: "null", opts: "{}" } as unknown as JobJson,
        jobId,
      );
      return job;
    }
  }
}
