/** Reads what the scripts of `plain-scripts.ts` give for jobs that they fetched. */

import { raw2NextJobData } from "bullmq";
import type { JobJson } from "bullmq";

/** Of a job, zeros if there was none. */
export type FetchReply = [
  job: StoredJob | FirstJob | NextJob | 0,
  id: string | 0,
  limitDelay: number,
  delayUntil: number,
];

/** All fields of a job, with their names. */
type StoredJob = readonly [name: string, ...valuesAndNames: string[]];

/** The fields that differ from job to job, of a job that `ADD` made and nobody fetched before. */
type FirstJob = [1, data: string, timestamp: string, name: string, opts: string, priority: string];

/** The same, if its name, options and priority are those of the last such job before it. */
type NextJob = [2, data: string, timestamp: string];

/** What BullMQ makes of a job that was fetched. */
export type NextJobData = [job?: JobJson | null, id?: string, limitDelay?: number, delayUntil?: number];

/** Whose fetch it was, and when, in ms of Redis's time. */
export interface Fetch {
  readonly nowMs: number;
  readonly worker: string;
}

export class FetchReader {
  readonly #fetch: Fetch;
  /** Of the last job that told it. */
  #like: Pick<JobJson, "name" | "opts" | "priority"> | undefined;

  /** For the replies of one script. */
  constructor(fetch: Fetch) {
    this.#fetch = fetch;
  }

  /** Gives what BullMQ makes of the next reply, in their order, or an error if that can't be read. */
  read(reply: FetchReply): NextJobData | Error {
    try {
      return this.#read(reply);
    } catch (error) {
      return error as Error;
    }
  }

  #read(reply: FetchReply): NextJobData {
    const [job, id, limitDelay, delayUntil] = reply;
    if (job === 0 || (job[0] !== 1 && job[0] !== 2))
      return raw2NextJobData(reply as unknown[]) as NextJobData;
    const [, data, timestamp] = job;
    if (job[0] === 1) this.#like = likeOf(job);
    const { nowMs, worker } = this.#fetch;
    const json = {
      ...(this.#like as Pick<JobJson, "name" | "opts" | "priority">),
      id: String(id),
      data,
      timestamp: Number(timestamp),
      progress: 0,
      delay: 0,
      attemptsStarted: 1,
      attemptsMade: 0,
      stalledCounter: 0,
      processedOn: nowMs,
      processedBy: worker,
    } as unknown as JobJson;
    return [json, String(id), limitDelay, delayUntil];
  }
}

/** BullMQ reads the options, for which it has short names. */
function likeOf([, , , name, opts, priority]: FirstJob): Pick<JobJson, "name" | "opts" | "priority"> {
  const [json] = raw2NextJobData([
    ["name", name, "opts", opts, "priority", priority],
    "",
    0,
    0,
  ]) as NextJobData;
  if (json == null) throw new Error("Expected BullMQ to read a job");
  return { name, opts: json.opts, priority: Number(priority) };
}
