/** The jobs that a queue has fetched: each is begun at once, and kept until BullMQ's loop comes to it. */

import type { Job } from "bullmq";

import { orderFor } from "./order-for.ts";

/** A fetched job. Its data is unchecked: a `JobData`, or whatever somebody wrote to Redis. */
export type QueuedJob = Job<unknown, null>;

/** The next job, if there is one; a promise only of what BullMQ has to look at. */
export type NextJob = QueuedJob | undefined | Promise<QueuedJob | undefined>;

/** How a job's way through this machine ended. The error tells BullMQ to move the job elsewhere, or to fail it. */
export type Ended = { readonly error: unknown } | undefined;

export class BegunJobs {
  readonly #process: (job: QueuedJob, token: string) => Promise<void>;
  readonly #onError: (error: Error) => void;
  /** An entry is removed when BullMQ asks for it. */
  readonly #ends = new Map<QueuedJob, Promise<Ended>>();
  /** Those that are completed already, with what was fetched in their place. */
  readonly #completed = new Map<QueuedJob, NextJob>();
  /** Number of jobs that were fetched and have not ended here. */
  running = 0;
  /** When the last one was begun, by the monotonic clock. */
  servedAt = 0;

  constructor(process: (job: QueuedJob, token: string) => Promise<void>, onError: (error: Error) => void) {
    this.#process = process;
    this.#onError = onError;
  }

  /** How many jobs take a place: those that are not completed. */
  get size(): number {
    return this.#ends.size - this.#completed.size;
  }

  begin(job: QueuedJob): QueuedJob {
    // Removes options that would keep a job that is done: it would be taken for one that is still to be run.
    if (job.opts.removeOnComplete !== undefined) delete job.opts.removeOnComplete;
    if (job.opts.removeOnFail !== undefined) delete job.opts.removeOnFail;
    this.servedAt = performance.now();
    this.#ends.set(job, this.run(job, job.token ?? ""));
    return job;
  }

  /** Never rejects. */
  async run(job: QueuedJob, token: string): Promise<Ended> {
    this.running++;
    try {
      await this.#process(job, token);
      return undefined;
    } catch (error) {
      const order = orderFor(error);
      if (order !== error) this.#onError(error as Error);
      return { error: order };
    } finally {
      this.running--;
    }
  }

  /** Undefined for a job that was not begun here. */
  endOf(job: QueuedJob): Promise<Ended> | undefined {
    return this.#ends.get(job);
  }

  /** A job was completed. Its place is free before the one that was fetched with it takes it. */
  complete(job: QueuedJob, takeNext: () => NextJob): void {
    this.#completed.set(job, undefined);
    this.#completed.set(job, takeNext());
  }

  isCompleted(job: QueuedJob): boolean {
    return this.#completed.has(job);
  }

  /** What was fetched in place of a job that is completed. */
  successorOf(job: QueuedJob): NextJob {
    return this.#completed.get(job);
  }

  /** BullMQ's loop has come to a job. */
  remove(job: QueuedJob): void {
    this.#completed.delete(job);
    this.#ends.delete(job);
  }
}
