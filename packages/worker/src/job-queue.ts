/** The BullMQ worker of a machine, set up so that it can't be steered or stopped by what it finds in Redis. */

import { Worker } from "bullmq";
import type { Job, JobJson, Processor, WorkerOptions } from "bullmq";

import type { JobData } from "@poolmq/shared/internal";

/** What a job holds: our data, or whatever else somebody wrote there. */
export type QueuedJob = Job<unknown, null>;

/**
 * BullMQ parses a job's data while it fetches the job; data that is not JSON throws there, and the job is fetched
 * again and again. Such a job is given to the processor with `undefined` as its data instead.
 */
export class JobQueue extends Worker<unknown, null> {
  constructor(name: string, processor: Processor<unknown, null>, options: WorkerOptions) {
    super(name, processor, options);
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

/** Gives the data if it has the shape of the contract, else what is wrong with it. */
export function readJobData(data: unknown): JobData | string {
  if (typeof data !== "object" || data === null) return "its data is not a JSON object";
  const { v, map, at, n, args } = data as Partial<Record<keyof JobData, unknown>>;
  if (!Number.isInteger(v)) return "it has no wire version";
  if (typeof map !== "string" || !/^[\w-]+$/.test(map)) return "it has no map id";
  if (!Number.isSafeInteger(at) || (at as number) < 0) return "it has no index";
  if (!Number.isSafeInteger(n) || (n as number) < 1) return "it has no item count";
  if (typeof args !== "string") return "it has no arguments";
  return data as JobData;
}
