/** The BullMQ worker of a machine, set up so that it can't be steered or stopped by what it finds in Redis. */

import type { Job, WorkerOptions } from "bullmq";
import type { Cluster, Redis } from "ioredis";

import { ErrorCode, completionsOf, fetchPlainJobs, plainJobs, removeStrayJob } from "@poolmq/shared/redis";
import type { FetchedJobs, Publication, RedisClock } from "@poolmq/shared/redis";

import type { QueuedJob } from "./begun-jobs.ts";
import { EagerWorker } from "./eager-worker.ts";
import type { JobQueueHooks } from "./eager-worker.ts";
import { HandedJobs } from "./handed-jobs.ts";
import { NO_JOB } from "./main-loop.ts";
import type { MainLoop } from "./main-loop.ts";
import { OwnPlaces } from "./own-places.ts";
import type { Demand } from "./share-places.ts";

/** Lets the worker's options, and not the job's, decide whether a completed job is kept. */
const AS_THE_WORKER = undefined as unknown as boolean;

/**
 * BullMQ waits for each job before it fetches the next. Here, one script fetches as many as there are places for.
 *
 * And BullMQ makes some thirty promises for each job, which cost more than a tiny job. So a job that ended well is
 * completed here without them, and the job that was fetched in its place goes the same way, as long as the loop has
 * nothing to do. Most jobs are completed by `finish`, in the script that publishes their outcome.
 */
export class JobQueue extends EagerWorker {
  readonly #redis: Redis | Cluster;
  readonly #clock: RedisClock;
  /** Where it shares the places with other queues. */
  readonly #own = new OwnPlaces();
  readonly #handed: HandedJobs<Promise<QueuedJob | undefined>>;

  constructor(
    redis: Redis | Cluster,
    clock: RedisClock,
    name: string,
    hooks: JobQueueHooks,
    options: Omit<WorkerOptions, "connection">,
  ) {
    super(name, hooks, { ...options, connection: redis }, plainJobs(redis, clock));
    this.#redis = redis;
    this.#clock = clock;
    const { name: worker = "", lockDuration: lockDurationMs = 0 } = options;
    const { backend } = this;
    // Where the places are shared with other queues, a job must not come before it has one.
    const mayTake = (): boolean => hooks.changed === undefined && this.closing === undefined && !this.paused;
    this.#handed = new HandedJobs(
      { redis, backend, clock, worker, lockDurationMs, mayTake },
      async ({ job, token }) => await this.take(job, token),
    );
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
    return this.begun.size + this.#own.asked;
  }

  #ask(places: number): void {
    this.#own.asked = places;
    this.hooks.changed?.();
  }

  /** What those with whom it shares the places are to know of it. */
  get demand(): Demand {
    const wants = !(this as unknown as MainLoop).drained;
    return { held: this.#held, wants, servedAt: this.begun.servedAt };
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
    void this.#handed.leave();
    await super.pause(doNotWaitActive);
  }

  override async close(force?: boolean): Promise<void> {
    this.#own.wake();
    void this.#handed.leave();
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
      this.hooks.changed?.();
    }
    if (this.#held >= this.#own.allowed) await this.#own.wait(this.#held > 0);
    return this.#held < this.#own.allowed && this.closing === undefined && !this.paused;
  }

  protected override async moveToActive(token: string, name?: string): Promise<Job<unknown, null>> {
    const { mainLoopQueue } = this as unknown as MainLoop;
    if (mainLoopQueue === undefined || mainLoopQueue === null) return await super.moveToActive(token, name);
    const handed = this.#handed.take();
    if (handed !== undefined) return await this.#handedJob(handed);
    // BullMQ takes this for an empty queue, whatever its types say.
    if (this.#held >= this.#own.allowed && !(await this.#hasPlace())) return undefined as never;
    // The place of a job that was put off is free, but still counted.
    const free =
      this.#own.allowed === Infinity
        ? this.concurrency - mainLoopQueue.numTotal()
        : this.#own.allowed - this.#held;
    const places = Math.max(1, free);
    if (this.hooks.changed !== undefined) this.#ask(places);
    const lock = { token, durationMs: this.opts.lockDuration ?? 0, worker: name ?? "" };
    let fetched: FetchedJobs;
    try {
      // Awaited directly: after one more promise, jobs that a completion fetched later, but that came in the same read, would
      // begin before these.
      const idle = { waiter: this.#handed.waiter, isIdle: this.begun.size === 0 };
      fetched = await fetchPlainJobs(this.#redis, this.backend, lock, places, this.#clock, idle);
    } catch (error) {
      this.#ask(0);
      throw error;
    }
    const { jobs, unreadable, isEmpty } = fetched;
    // The jobs that have come take their places before the other queues are told.
    this.#own.asked = 0;
    for (const error of unreadable) this.emit("error", error);
    // Each job begins here, in the order in which they came.
    const [first, ...others] = jobs.map((job) => this.take(job, token));
    if (first === undefined && !isEmpty) return await super.moveToActive(token, name);
    for (const job of others) mainLoopQueue.add(job);
    const job = await first;
    // Saves two further requests that BullMQ would make before it waits for the next job.
    if (isEmpty) await this.nextJobFromJobData();
    return job as Job<unknown, null>;
  }

  /** A job that was handed over was alone, so that there is none to fetch: BullMQ's loop waits for the next one. */
  async #handedJob(handed: Promise<QueuedJob | undefined>): Promise<Job<unknown, null>> {
    const job = await handed;
    await this.nextJobFromJobData();
    return job as Job<unknown, null>;
  }

  override async processJob(
    job: QueuedJob,
    token: string,
    fetchesNext: () => boolean = () => true,
  ): Promise<QueuedJob | undefined> {
    for (let current = job; ;) {
      const end = this.begun.endOf(current);
      const ended = await end;
      let next: QueuedJob | undefined;
      if (this.begun.isCompleted(current)) {
        next = await this.begun.successorOf(current);
      } else if (end === undefined || ended !== undefined || current.deferredFailure !== undefined) {
        return await this.#leaveToBull(current, token, fetchesNext);
      } else {
        try {
          next = await this.#complete(current, token, fetchesNext);
        } catch (error) {
          // BullMQ has tried again as long as Redis was away; this error remains.
          this.emit("error", error as Error);
          if (!(await this.#removesStray(error, current, token)))
            return await this.#leaveToBull(current, token, fetchesNext);
        }
      }
      this.begun.remove(current);
      this.hooks.changed?.();
      const { mainLoopQueue } = this as unknown as MainLoop;
      // With a free place, the loop can fetch. It continues only when a promise in it settles.
      if (next === undefined || (mainLoopQueue?.numTotal() ?? 0) < this.concurrency) return next;
      current = next;
    }
  }

  /**
   * Publishes a job's outcome, and completes the job in the same step if that is possible; otherwise the job is completed
   * when BullMQ comes to it. Gives false if nobody wants the outcome. Rejects if Redis refuses the outcome.
   */
  async finish(job: QueuedJob, token: string, publication: Publication): Promise<boolean> {
    const completions = completionsOf(this.backend);
    if (completions === undefined) throw new Error("Expected a worker that keeps no completed jobs");
    const { id = "" } = job;
    this.hooks.locks().release(id, token);
    try {
      const fetchNext = this.backend.closing === undefined && this.#mayFetchNext(() => this.#isWithinBounds);
      const waiter = fetchNext && this.begun.size === 1 ? this.#handed.waiter : "";
      // The first outcome of a map, and that of a single call, goes at once.
      const mayWaitMs = publication.outcome.at === 0 ? 0 : this.hooks.outcomeWaitMs();
      const done = { id, token, fetchNext, waiter, publication };
      const { code, next, isWanted } = await completions.add(done, mayWaitMs);
      if (code !== 0) this.hooks.locks().hold(id, token);
      else {
        this.#handed.completed(id);
        this.begun.complete(job, () => this.takeNext(next, token));
        this.hooks.changed?.();
      }
      return isWanted;
    } catch (error) {
      this.hooks.locks().hold(id, token);
      throw error;
    }
  }

  /** No more jobs are in hand than BullMQ's loop may have. */
  get #isWithinBounds(): boolean {
    const { mainLoopQueue } = this as unknown as MainLoop;
    return (mainLoopQueue?.numTotal() ?? Infinity) <= this.concurrency;
  }

  /** Whether another job is to be fetched in place of one that is completed. */
  #mayFetchNext(fetchesNext: () => boolean): boolean {
    // If it has more places than it may, this one goes to another queue.
    return this.closing === undefined && !this.paused && fetchesNext() && this.#held <= this.#own.allowed;
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
    this.hooks.locks().release(job.id ?? "", token);
    if (this.backend.closing !== undefined) return undefined;
    const fetchNext = this.#mayFetchNext(fetchesNext);
    const { result } = await this.backend.moveToCompleted(job, null, AS_THE_WORKER, token, fetchNext);
    return Array.isArray(result) ? await this.takeNext(result, token) : undefined;
  }
}
