/** The BullMQ worker of a machine, set up so that it can't be steered or stopped by what it finds in Redis. */

import { ErrorCode, raw2NextJobData, Worker } from "bullmq";
import type { Job, JobJson, Processor, WorkerOptions } from "bullmq";
import type { Cluster, Redis } from "ioredis";

import { fetchPlainJobs, plainJobs, removeStrayJob } from "@poolmq/shared/redis";
import type { RedisClock } from "@poolmq/shared/redis";

import { NO_JOB } from "./main-loop.ts";
import type { FetchedJob, MainLoop } from "./main-loop.ts";
import { orderFor } from "./order-for.ts";
import { OwnPlaces } from "./own-places.ts";
import type { Demand } from "./share-places.ts";

/** A fetched job. Its data is unchecked: a `JobData`, or whatever somebody wrote to Redis. */
export type QueuedJob = Job<unknown, null>;

/** Lets the worker's options, and not the job's, decide whether a completed job is kept. */
const AS_THE_WORKER = undefined as unknown as boolean;

/** How a job's way through this machine ended. The error tells BullMQ to move the job elsewhere, or to fail it. */
type Ended = { readonly error: unknown } | undefined;

export interface JobQueueHooks {
  /** Called when a job is fetched. Whether it resolves or rejects decides what BullMQ does with the job. */
  process(job: QueuedJob, token: string): Promise<void>;
  /** BullMQ completes the job now, or moves it elsewhere, so that its lock must no longer be renewed. */
  settled(job: QueuedJob, token: string): void;
  /**
   * The queue shares its places with others, and its `demand` may have changed. Absent: all places are its own.
   */
  changed?(): void;
}

/**
 * BullMQ fetches jobs one by one, and begins the first only when it has as many as it may have. If Redis is far away, the
 * first locks have expired by then, and jobs run twice. So here a job is begun when it is fetched.
 *
 * BullMQ also waits for each job before it fetches the next. Here, one script fetches as many as there are places for.
 *
 * And BullMQ makes some thirty promises for each job, which cost more than a tiny job. So a job that ended well is
 * completed here without them, and the job that was fetched in its place goes the same way, as long as the loop has
 * nothing to do.
 *
 * BullMQ parses a job's data while it fetches the job; data that is not JSON throws there, and the job is fetched
 * again and again. Such a job is given to the processor with `undefined` as its data instead.
 */
export class JobQueue extends Worker<unknown, null> {
  readonly #hooks: JobQueueHooks;
  /** How the jobs end that were begun when they were fetched. An entry is removed when BullMQ asks for it. */
  readonly #begun: Map<QueuedJob, Promise<Ended>>;
  readonly #redis: Redis | Cluster;
  readonly #clock: RedisClock;
  /** Number of jobs that were fetched and have not ended here. */
  inHand = 0;
  /** Where it shares the places with other queues. */
  readonly #own = new OwnPlaces();

  constructor(
    redis: Redis | Cluster,
    clock: RedisClock,
    name: string,
    hooks: JobQueueHooks,
    options: Omit<WorkerOptions, "connection">,
  ) {
    const begun = new Map<QueuedJob, Promise<Ended>>();
    const processor: Processor<unknown, null> = async (job, token = "") => {
      const ended = await (begun.get(job) ?? this.#begin(job, token));
      begun.delete(job);
      hooks.settled(job, token);
      hooks.changed?.();
      if (ended !== undefined) throw ended.error;
      return null;
    };
    super(name, processor, { ...options, connection: redis }, plainJobs(redis, clock));
    this.#hooks = hooks;
    this.#begun = begun;
    this.#redis = redis;
    this.#clock = clock;
  }

  /** How many jobs it may have in hand from now on. */
  resize(capacity: number): void {
    const grows = capacity >= 2 * this.concurrency;
    this.concurrency = capacity;
    // BullMQ looks at it when one of its jobs ends, which is soon enough for small changes. But the first job of a batch
    // task makes room for those that are to run with it, and may wait for them: an empty entry makes the loop look at once.
    if (grows && this.inHand > 0) (this as unknown as MainLoop).mainLoopQueue?.add(NO_JOB);
  }

  /** Number of places that it occupies. */
  get #held(): number {
    return this.#begun.size + this.#own.asked;
  }

  #ask(places: number): void {
    this.#own.asked = places;
    this.#hooks.changed?.();
  }

  /** What those with whom it shares the places are to know of it. */
  get demand(): Demand {
    const wants = !(this as unknown as MainLoop).drained;
    return { held: this.#held, wants, servedAt: this.#own.servedAt };
  }

  /** Sets how many of the shared places it may have from now on. */
  allow(places: number): void {
    const { drained, mainLoopQueue } = this as unknown as MainLoop;
    const held = this.#held;
    this.#own.allowed = places;
    // While its queue is empty, it waits for a job even without a place: only then does it learn that it needs one.
    this.concurrency = Math.max(1, drained ? held + 1 : places);
    if (places <= held) return;
    this.#own.wake();
    // Its loop waits for the end of one of its jobs: an empty entry makes it look at once.
    const isParked = this.#own.asked === 0 && held > 0 && mainLoopQueue?.numTotal() === held;
    if (isParked) mainLoopQueue.add(NO_JOB);
  }

  override async pause(doNotWaitActive?: boolean): Promise<void> {
    this.#own.wake();
    await super.pause(doNotWaitActive);
  }

  override async close(force?: boolean): Promise<void> {
    this.#own.wake();
    await super.close(force);
  }

  /**
   * Whether a job may be fetched now. Waits for a place if no job is here; otherwise BullMQ's loop has to look after those
   * that are, and `allow` wakes it when there is a place.
   */
  async #hasPlace(): Promise<boolean> {
    const loop = this as unknown as MainLoop;
    if (loop.drained) {
      // The marker in Redis has woken this machine and no other. It is put back, for a machine that has a place.
      loop.drained = false;
      await this.#redis.zadd(this.backend.toKey("marker"), 0, "0");
      this.#hooks.changed?.();
    }
    if (this.#held >= this.#own.allowed) await this.#own.wait(this.#held > 0);
    return this.#held < this.#own.allowed && this.closing === undefined && !this.paused;
  }

  protected override async moveToActive(token: string, name?: string): Promise<Job<unknown, null>> {
    const { mainLoopQueue } = this as unknown as MainLoop;
    if (mainLoopQueue === undefined || mainLoopQueue === null) return await super.moveToActive(token, name);
    // BullMQ takes this for an empty queue, whatever its types say.
    if (this.#held >= this.#own.allowed && !(await this.#hasPlace())) return undefined as never;
    // The place of a job that was put off is free, but still counted.
    const free =
      this.#own.allowed === Infinity
        ? this.concurrency - mainLoopQueue.numTotal()
        : this.#own.allowed - this.#held;
    const places = Math.max(1, free);
    if (this.#hooks.changed !== undefined) this.#ask(places);
    const lock = { token, durationMs: this.opts.lockDuration ?? 0, worker: name ?? "" };
    const { jobs, isEmpty } = await fetchPlainJobs(
      this.#redis,
      this.backend,
      lock,
      places,
      this.#clock,
    ).catch((error: unknown) => {
      this.#ask(0);
      throw error;
    });
    // The jobs that have come take their places before the other queues are told.
    this.#own.asked = 0;
    // Each job begins here, in the order in which they came.
    const [first, ...others] = jobs.map((raw) => this.#take(raw, token));
    if (first === undefined && !isEmpty) return await super.moveToActive(token, name);
    for (const job of others) mainLoopQueue.add(job);
    const job = await first;
    // Saves two further requests that BullMQ would make before it waits for the next job.
    if (isEmpty) await this.nextJobFromJobData();
    return job as Job<unknown, null>;
  }

  /** `undefined` for a job that can't be read, for which `error` is emitted. */
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
    const [data, id, token] = args;
    const isPlain = data !== undefined && (data as object | null) !== null && data.repeatJobKey === undefined;
    const job = isPlain ? this.#receive(data, id, token) : await super.nextJobFromJobData(...args);
    // There is none if the queue is empty, whatever BullMQ's types say.
    if ((job as QueuedJob | undefined) !== undefined) {
      // Removes options that would keep a job that is done: it would be taken for one that is still to be run.
      delete job.opts.removeOnComplete;
      delete job.opts.removeOnFail;
      this.#begun.set(job, this.#begin(job, job.token ?? ""));
      this.#own.servedAt = performance.now();
    }
    this.#hooks.changed?.();
    return job;
  }

  /** What BullMQ does with a job that it fetched, unless the job is one of a schedule. */
  #receive(data: JobJson, id: string | undefined, token: string | undefined): QueuedJob {
    (this as unknown as MainLoop).drained = false;
    const job = this.createJob(data, id ?? "");
    if (token !== undefined) job.token = token;
    return job;
  }

  /** Never rejects. */
  async #begin(job: QueuedJob, token: string): Promise<Ended> {
    this.inHand++;
    try {
      await this.#hooks.process(job, token);
      return undefined;
    } catch (error) {
      const order = orderFor(error);
      if (order !== error) this.emit("error", error as Error);
      return { error: order };
    } finally {
      this.inHand--;
    }
  }

  override async processJob(
    job: QueuedJob,
    token: string,
    fetchesNext: () => boolean = () => true,
  ): Promise<QueuedJob | undefined> {
    for (let current = job; ;) {
      const ended = this.#begun.get(current);
      const isFailed = ended === undefined || current.deferredFailure !== undefined;
      if (isFailed || (await ended) !== undefined)
        return await this.#leaveToBull(current, token, fetchesNext);
      let next: QueuedJob | undefined;
      try {
        next = await this.#complete(current, token, fetchesNext);
      } catch (error) {
        // BullMQ has tried again as long as Redis was away; this error remains.
        this.emit("error", error as Error);
        if (!(await this.#removesStray(error, current, token)))
          return await this.#leaveToBull(current, token, fetchesNext);
      }
      this.#begun.delete(current);
      this.#hooks.changed?.();
      const { mainLoopQueue } = this as unknown as MainLoop;
      // With a free place, the loop can fetch. It continues only when a promise in it settles.
      if (next === undefined || (mainLoopQueue?.numTotal() ?? 0) < this.concurrency) return next;
      current = next;
    }
  }

  async #leaveToBull(
    job: QueuedJob,
    token: string,
    fetchesNext: () => boolean,
  ): Promise<QueuedJob | undefined> {
    return (await super.processJob(job, token, fetchesNext)) ?? undefined;
  }

  /** Removes a job, whose outcome is published, that can't be completed because the list of active jobs does not hold it. */
  async #removesStray(error: unknown, { id = "" }: QueuedJob, token: string): Promise<boolean> {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code !== ErrorCode.JobNotInState) return false;
    return await removeStrayJob(this.#redis, this.backend, id, token).catch(() => false);
  }

  /** Completes a job. Gives the one that was fetched in its place, if there was one. */
  async #complete(job: QueuedJob, token: string, fetchesNext: () => boolean): Promise<QueuedJob | undefined> {
    this.#hooks.settled(job, token);
    if (this.backend.closing !== undefined) return undefined;
    const isEnding = this.closing !== undefined || this.paused;
    // If it has more places than it may, this one goes to another queue.
    const fetchNext = fetchesNext() && !isEnding && this.#held <= this.#own.allowed;
    const { result } = await this.backend.moveToCompleted(job, null, AS_THE_WORKER, token, fetchNext);
    if (!Array.isArray(result)) return undefined;
    const [data, id, limitDelay, delayUntil] = result as [JobJson?, string?, number?, number?];
    (this as unknown as MainLoop).updateDelays(limitDelay, delayUntil);
    return await this.nextJobFromJobData(data, id, token);
  }

  protected override createJob(data: unknown, jobId: string): Job<unknown, null> {
    try {
      return super.createJob(data as JobJson, jobId);
    } catch {
      const unreadable = { ...(data as object), data: "null", opts: "{}" } as unknown as JobJson;
      return super.createJob(unreadable, jobId);
    }
  }
}
