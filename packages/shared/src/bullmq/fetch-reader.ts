/** Reads what the scripts of `plain-scripts.ts` give for jobs that they fetched. */

import { raw2NextJobData } from "../clients/clients.ts";
import type { JobJson } from "bullmq";

import { inOurTime } from "./keep-redis-time.ts";

/**
 * A part of what the scripts give for jobs that they fetched. A job that `ADD` made and nobody fetched before is two texts, its id
 * and its data; what it has in common with other such jobs comes before the first of them. Of any other job, it is what
 * BullMQ's own scripts give.
 */
export type FetchReply = string | CommonTexts | FullReply;

/** What plain jobs have in common that follow it. */
type CommonTexts = [name: string, opts: string, timestamp: string, priority: string];

/** What BullMQ's own scripts give; zeros if there was no job. */
type FullReply = [job: StoredJob | 0, id: string | 0, limitDelay: number, delayUntil: number];

/** All fields of a job, with their names. */
type StoredJob = readonly [name: string, ...valuesAndNames: string[]];

/** What BullMQ makes of a job that was fetched. */
export type NextJobData = [job?: JobJson | null, id?: string, limitDelay?: number, delayUntil?: number];

/** What jobs of a map have in common. */
type Common = Pick<JobJson, "name" | "opts" | "timestamp" | "priority">;

/** Whose fetch it was, and when, in ms of Redis's time. */
export interface Fetch {
  readonly nowMs: number;
  readonly worker: string;
  /** How far Redis's clock is ahead of this machine's, in ms. */
  readonly aheadMs: number;
}

/** Reads the jobs that one script fetched, in their order. */
export class FetchReader {
  readonly #fetch: Fetch;
  readonly #replies: readonly FetchReply[];
  #place = 0;
  /** An error if BullMQ can't read it. */
  #common: Common | Error | undefined;

  constructor(fetch: Fetch, replies: readonly FetchReply[]) {
    this.#fetch = fetch;
    this.#replies = replies;
  }

  /** Gives what BullMQ makes of the next job, or an error if that can't be read; undefined if there is none. */
  next(): NextJobData | Error | undefined {
    for (;;) {
      const reply = this.#replies[this.#place++];
      if (reply === undefined) return undefined;
      if (typeof reply === "string") return this.#readPlain(reply, String(this.#replies[this.#place++]));
      if (isFull(reply)) return attempt(() => this.#readFull(reply));
      this.#common = attempt(() => commonOf(reply));
    }
  }

  /** What BullMQ makes of it that there is no job. @param nextDelayed - when the next delayed one is due; 0: there is none */
  noJob(nextDelayed: number): NextJobData | Error {
    return attempt(() => this.#readFull([0, 0, 0, nextDelayed]));
  }

  #readFull(reply: FullReply): NextJobData {
    return raw2NextJobData(inOurTime(reply as unknown[], this.#fetch.aheadMs)) as NextJobData;
  }

  #readPlain(id: string, data: string): NextJobData | Error {
    const common = this.#common;
    if (common === undefined) return new Error("Expected a job like one that can be read");
    if (common instanceof Error) return common;
    const { nowMs, worker } = this.#fetch;
    const json = {
      name: common.name,
      opts: common.opts,
      priority: common.priority,
      id,
      data,
      timestamp: common.timestamp,
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

function isFull(reply: CommonTexts | FullReply): reply is FullReply {
  return typeof reply[0] !== "string";
}

function attempt<V>(read: () => V): V | Error {
  try {
    return read();
  } catch (error) {
    return error as Error;
  }
}

/** The options that were read last: those of all calls of a program are mostly the same. BullMQ's jobs copy them. */
let latest: { readonly text: string; readonly opts: JobJson["opts"] } | undefined;

function commonOf([name, opts, timestamp, priority]: CommonTexts): Common {
  if (latest?.text !== opts) latest = { text: opts, opts: optionsOf(opts) };
  return { name, opts: latest.opts, timestamp: Number(timestamp), priority: Number(priority) };
}

/** BullMQ reads the options, for which it has short names. */
function optionsOf(text: string): JobJson["opts"] {
  const [json] = raw2NextJobData([["opts", text], "", 0, 0]) as NextJobData;
  if (json == null) throw new Error("Expected BullMQ to read a job");
  return json.opts;
}
