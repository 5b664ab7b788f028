/** A BullMQ worker that begins each job when it is fetched, and can't be stopped by what it finds in Redis. */

import { Worker } from "@poolmq/shared/redis";
import type { BackendFactory, Job, JobJson, Processor, RedisQueueBackend, WorkerOptions } from "bullmq";

import { BegunJobs } from "./begun-jobs.ts";
import type { NextJob, QueuedJob } from "./begun-jobs.ts";
import type { Locks } from "./locks.ts";
import type { FetchedJob, MainLoop } from "./main-loop.ts";

export interface JobQueueHooks {
  /** Called when a job is fetched. Whether it resolves or rejects decides what BullMQ does with the job. */
  process(job: QueuedJob, token: string): Promise<void>;
  /** Renews the locks of jobs until they are completed or moved elsewhere. */
  locks(): Pick<Locks, "hold" | "release">;
  /**
   * The queue shares its places with others, and its `demand` may have changed. Absent: all places are its own.
   */
  changed?(): void;
  /** How long outcomes may wait for others before they go to Redis, in ms. */
  outcomeWaitMs(): number;
}

/**
 * BullMQ fetches jobs one by one, and begins the first only when it has as many as it may have. If Redis is far away, the
 * first locks have expired by then, and jobs run twice. So here a job is begun when it is fetched.
 *
 * BullMQ parses a job's data while it fetches the job; data that is not JSON throws there, and the job is fetched
 * again and again. Such a job is given to the processor with `undefined` as its data instead.
 */
export class EagerWorker extends Worker<unknown, null> {
  protected readonly hooks: JobQueueHooks;
  protected readonly begun: BegunJobs;

  constructor(
    name: string,
    hooks: JobQueueHooks,
    options: WorkerOptions,
    backend: BackendFactory<RedisQueueBackend>,
  ) {
    const begun = new BegunJobs(
      (job, token) => hooks.process(job, token),
      (error) => this.emit("error", error),
    );
    const processor: Processor<unknown, null> = async (job, token = "") => {
      const ended = await (begun.endOf(job) ?? begun.run(job, token));
      begun.remove(job);
      hooks.locks().release(job.id ?? "", token);
      hooks.changed?.();
      if (ended !== undefined) throw ended.error;
      return null;
    };
    super(name, processor, options, backend);
    this.hooks = hooks;
    this.begun = begun;
  }

  /** How many jobs were fetched and have not come to their end here. */
  get inHand(): number {
    return this.begun.running;
  }

  /** `undefined` for a job that can't be read, for which `error` is emitted. */
  protected async take(fetched: readonly unknown[], token: string): Promise<QueuedJob | undefined> {
    try {
      const [data, id] = fetched as [JobJson, string];
      return await this.nextJobFromJobData(data, id, token);
    } catch (error) {
      return this.#unreadable(error);
    }
  }

  protected override async nextJobFromJobData(...fetched: FetchedJob): Promise<Job<unknown, null>> {
    // There is none if the queue is empty, whatever BullMQ's types say.
    const job = (await this.#next(fetched)) as Job<unknown, null>;
    this.hooks.changed?.();
    return job;
  }

  /** Begins a job that was fetched. */
  #next(fetched: FetchedJob): NextJob {
    const [data, id, token] = fetched;
    const isPlain = data !== undefined && (data as object | null) !== null && data.repeatJobKey === undefined;
    if (isPlain) return this.begun.begin(this.#receive(data, id, token));
    return super.nextJobFromJobData(...fetched).then((job) => {
      return (job as QueuedJob | undefined) === undefined ? job : this.begun.begin(job);
    });
  }

  /** What BullMQ does with a job that it fetched, unless the job is one of a schedule. */
  #receive(data: JobJson, id: string | undefined, token: string | undefined): QueuedJob {
    (this as unknown as MainLoop).drained = false;
    const job = this.createJob(data, id ?? "");
    if (token !== undefined) job.token = token;
    return job;
  }

  /** Begins the job that was fetched, if there is one. Where it can't be read, `error` tells of it. */
  protected takeNext(fetched: readonly unknown[] | Error, token: string): NextJob {
    if (fetched instanceof Error) return this.#unreadable(fetched);
    const [data, id, limitDelay, delayUntil] = fetched as [JobJson?, string?, number?, number?];
    (this as unknown as MainLoop).updateDelays(limitDelay, delayUntil);
    const next = this.#next(data === undefined ? [] : [data, id ?? "", token]);
    return next instanceof Promise ? next.catch((error: unknown) => this.#unreadable(error)) : next;
  }

  #unreadable(error: unknown): undefined {
    this.emit("error", error as Error);
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
