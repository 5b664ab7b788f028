/** Reads what the scripts of `plain-scripts.ts` give for jobs that they fetched. */

import { raw2NextJobData } from "bullmq";
import type { JobJson } from "bullmq";

import { inOurTime } from "./keep-redis-time.ts";

/** Of a job: what BullMQ's own scripts give, with zeros if there was none, or less where `ADD` made the job. */
export type FetchReply =
  | FirstJob
  | NextJob
  | [job: StoredJob | 0, id: string | 0, limitDelay: number, delayUntil: number];

/** All fields of a job, with their names. */
type StoredJob = readonly [name: string, ...valuesAndNames: string[]];

/** The fields that differ from job to job, of a job that `ADD` made and nobody fetched before. */
type FirstJob = [
  1,
  id: string,
  data: string,
  timestamp: string,
  name: string,
  opts: string,
  priority: string,
];

/** The same, if its name, options and priority are those of the last such job before it. */
type NextJob = [2, id: string, data: string, timestamp: string];

/** What BullMQ makes of a job that was fetched. */
export type NextJobData = [job?: JobJson | null, id?: string, limitDelay?: number, delayUntil?: number];

/** What jobs of a map have in common. */
type Common = Pick<JobJson, "name" | "opts" | "priority">;

/** Whose fetch it was, and when, in ms of Redis's time. */
export interface Fetch {
  readonly nowMs: number;
  readonly worker: string;
  /** How far Redis's clock is ahead of this machine's, in ms. */
  readonly aheadMs: number;
}

/** Reads the replies of one script, in their order. */
export class FetchReader {
  readonly #fetch: Fetch;
  /** Of the last job that told it. */
  #common: Common | undefined;

  constructor(fetch: Fetch) {
    this.#fetch = fetch;
  }

  /** Gives what BullMQ makes of the next reply, or an error if that can't be read. */
  read(reply: FetchReply): NextJobData | Error {
    try {
      switch (reply[0]) {
        case 1:
          this.#common = undefined;
          this.#common = commonOf(reply);
          return this.#readPlain(reply[1], reply[2], reply[3], this.#common);
        case 2:
          return this.#readPlain(reply[1], reply[2], reply[3], this.#common);
        default:
          return raw2NextJobData(inOurTime(reply as unknown[], this.#fetch.aheadMs)) as NextJobData;
      }
    } catch (error) {
      return error as Error;
    }
  }

  #readPlain(id: string, data: string, timestamp: string, common: Common | undefined): NextJobData {
    if (common === undefined) throw new Error("Expected a job like one that can be read");
    const { nowMs, worker } = this.#fetch;
    const json = {
      name: common.name,
      opts: common.opts,
      priority: common.priority,
      id,
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
    return [json, id, 0, 0];
  }
}

/** BullMQ reads the options, for which it has short names. */
function commonOf([, , , , name, opts, priority]: FirstJob): Common {
  const [json] = raw2NextJobData([
    ["name", name, "opts", opts, "priority", priority],
    "",
    0,
    0,
  ]) as NextJobData;
  if (json == null) throw new Error("Expected BullMQ to read a job");
  return { name, opts: json.opts, priority: Number(priority) };
}
