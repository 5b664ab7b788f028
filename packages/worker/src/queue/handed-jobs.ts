/** Jobs that a machine is handed while it waits: `hand-over.ts` of the shared package says how. */

import { clearTimeout, setTimeout } from "node:timers";

import type { RedisQueueBackend } from "bullmq";
import type { Cluster, Redis } from "ioredis";

import { FRESH_MS, readHanded, takeBack } from "@poolmq/shared/redis";
import type { HandedJob, RedisClock } from "@poolmq/shared/redis";

/** After this many jobs in a row that came too late, the machine fetches its jobs for a while. Its Redis may be far away. */
const MOST_LATE = 2;
const FETCHES_MS = 10_000;

/**
 * A job that ends within this time needs no word that it has begun, in ms. Most calls are so short, and a command would cost
 * Redis and the machine as much as a good part of the call. It is little beside the time after which the producer asks.
 */
const WORD_MS = 2;

interface HandedJobsOptions {
  readonly redis: Redis | Cluster;
  readonly backend: RedisQueueBackend;
  readonly clock: Pick<RedisClock, "nowMs">;
  readonly worker: string;
  readonly lockDurationMs: number;
  /** Whether the machine takes jobs. */
  readonly mayTake: () => boolean;
}

export class HandedJobs<J> {
  readonly #options: HandedJobsOptions;
  readonly #name: string;
  #taken: J | undefined;
  /** By id of the job: until it is said that it has begun. */
  readonly #words = new Map<string, NodeJS.Timeout>();
  #late = 0;
  #fetchesUntil = 0;

  /** @param begin - begins a job at once, before the queue's loop comes to it */
  constructor(options: HandedJobsOptions, begin: (handed: HandedJob) => J) {
    this.#options = options;
    this.#name = `${options.worker} ${options.lockDurationMs}`;
    const { backend, worker } = options;
    const waitForJob = backend.waitForJob.bind(backend);
    backend.waitForJob = async (timeoutS) => {
      const woken = await waitForJob(timeoutS);
      const handed = woken === null ? undefined : readHanded(woken.member, worker);
      if (handed !== undefined) await this.#receive(handed, begin);
      return woken;
    };
  }

  /** How the machine is named among those that wait for a job, or "" if it is to be handed none. */
  get waiter(): string {
    return this.#options.mayTake() && performance.now() >= this.#fetchesUntil ? this.#name : "";
  }

  /** Gives the job that ended the last wait, if one did: it was begun. */
  take(): J | undefined {
    const taken = this.#taken;
    this.#taken = undefined;
    return taken;
  }

  /** The machine takes no jobs for now. A job that is on its way all the same is taken back when it comes. */
  async leave(): Promise<void> {
    const { redis, backend } = this.#options;
    await redis.zrem(backend.toKey("idle"), this.#name).catch(() => {});
  }

  async #receive(handed: HandedJob, begin: (handed: HandedJob) => J): Promise<void> {
    const { redis, backend, clock, mayTake } = this.#options;
    const isLate = Math.abs(clock.nowMs - handed.atMs) > FRESH_MS;
    this.#late = isLate ? this.#late + 1 : 0;
    if (this.#late >= MOST_LATE) this.#fetchesUntil = performance.now() + FETCHES_MS;
    if (isLate || !mayTake()) {
      // If this fails, the producer takes it back.
      await takeBack(redis, (name) => backend.toKey(name), handed.id).catch(() => {});
      return;
    }
    this.#taken = begin(handed);
    // Tells the producer that it has begun.
    const say = (): void => {
      this.#words.delete(handed.id);
      redis.hdel(backend.toKey(handed.id), "handed").catch(() => {});
    };
    this.#words.set(handed.id, setTimeout(say, WORD_MS));
  }

  /** A job was completed. */
  completed(jobId: string): void {
    clearTimeout(this.#words.get(jobId));
    this.#words.delete(jobId);
  }
}
