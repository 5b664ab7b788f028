/** Adds plain jobs to BullMQ's queue, many at once: see `plain-jobs.ts`. */

import type { Queue, RedisQueueBackend } from "bullmq";
import type { Cluster, Redis } from "ioredis";

import { ADD } from "./add-script.ts";
import { AT_ONCE } from "./plain-scripts.ts";
import { OPEN } from "../store/open-map.ts";
import type { MapOpening } from "../store/open-map.ts";
import { isUnknownScript, runScript } from "../redis/run-script.ts";
import { toJson } from "../values/to-json.ts";

/** Characters of jobs that are added in one script: a server may limit the size of a command. */
const ADD_LENGTH = 256 * 1024;

/**
 * Where a map's jobs are all added at once, this many go into BullMQ's own list before the rest is staged. Small maps
 * can then be served by BullMQ's own workers too.
 */
const MAX_UNSTAGED = 8;

/** The options with which a plain job may be added. BullMQ stores them under these very names. */
const PLAIN_OPTIONS: ReadonlySet<string> = new Set([
  "jobId",
  "attempts",
  "backoff",
  "delay",
  "priority",
  "timestamp",
]);

/** SCRIPT FLUSH may be called again during a retry, but hardly this often. */
const MAX_TRIES = 20;

/** Ids that JSON writes as they are: a script puts them into the text of the options. */
const PLAIN_ID = /^[ !#-[\]-~]+$/;

const KEYS = ["wait", "active", "meta", "marker", "events", "prioritized", "pc", "turns", "accounts", "idle"];

/** A job as BullMQ's backend is given it. */
type Added = Parameters<RedisQueueBackend["addJobs"]>[0][number];

/** A job as `Queue.addBulk` is given it. */
type AskedJob = Parameters<Queue["addBulk"]>[0][number];

/** A job as Redis is to store it. */
interface StoredJob {
  readonly id: string;
  readonly name: string;
  /** As JSON. */
  readonly data: string;
  readonly opts: Added["job"]["opts"];
  readonly timestamp: number;
}

/**
 * Adds plain jobs, and opens their map before them if that is asked for. Gives what `ADD` gives: 0 if the queue is not plain, so
 * that none was added; 2 if a single job was handed to an idle machine.
 */
type AddPlain = (jobs: readonly StoredJob[], opening?: MapOpening) => Promise<unknown>;

/** The function that adds plain jobs, by BullMQ backend. */
const ADDERS = new WeakMap<object, { readonly redis: Redis | Cluster; readonly add: AddPlain }>();

/**
 * Adds jobs as `queue.addBulk` does, without all that BullMQ makes of each on its way.
 *
 * @param queue - made with `plainJobs`
 * @param opening - the map of these jobs, if it is to be opened before them: that takes no script of its own
 * @returns whether it was a single job that was handed to an idle machine, from which it may have to be taken back
 */
export async function addJobs(
  queue: Queue,
  jobs: readonly AskedJob[],
  opening?: MapOpening,
): Promise<boolean> {
  const adder = ADDERS.get(queue.backend);
  if (adder === undefined) throw new Error("Expected a queue that was made with plainJobs()");
  if (!jobs.every(({ opts }) => isAskedPlainly(opts))) {
    if (opening !== undefined) await runScript(adder.redis, OPEN, opening.keys, [opening.ttlMs]);
    await queue.addBulk([...jobs]);
    return false;
  }
  const timestamp = Date.now();
  const stored = jobs.map(({ name, data, opts }): StoredJob => {
    const { jobId = "" } = opts ?? {};
    return { id: jobId, name, data: toJson(data as object), opts: { attempts: 0, ...opts }, timestamp };
  });
  const added = await Promise.all(
    batchesOf(stored, ({ data }) => data.length).map(async (batch, at) => {
      const said = await adder.add(batch, at === 0 ? opening : undefined);
      if (said === 0)
        await queue.addBulk(jobs.filter(({ opts }) => batch.some(({ id }) => id === opts?.jobId)));
      return said;
    }),
  );
  return jobs.length === 1 && added[0] === 2;
}

/** Makes a backend add plain jobs in one script. */
export function shortenAdding(backend: RedisQueueBackend, redis: Redis | Cluster, stages: boolean): void {
  const queueKeys = KEYS.map((name) => backend.toKey(name));
  const addOtherwise = backend.addJobs.bind(backend);

  const add: AddPlain = async (jobs, opening) => {
    const { keys, ttlMs } = opening ?? { keys: [], ttlMs: 0 };
    const args: (string | number)[] = [backend.toKey(""), stages ? MAX_UNSTAGED : "inf", ttlMs];
    // What consecutive jobs have in common goes to Redis once.
    let common: readonly unknown[] = [];
    let countAt = 0;
    for (const { id, name, data, opts, timestamp } of jobs) {
      const own = [name, optionsBefore(opts), timestamp, opts.priority ?? 0] as const;
      if (!own.every((value, place) => value === common[place])) {
        countAt = args.push(0, ...own) - 5;
        common = own;
      }
      args[countAt] = Number(args[countAt]) + 1;
      args.push(id, data);
    }
    return await runScript(redis, ADD, [...queueKeys, ...keys], args);
  };
  ADDERS.set(backend, { redis, add });

  backend.addJobs = async (entries) => {
    await Promise.all(batchesOf(entries, ({ job }) => job.data.length).map(addSome));
    return entries.map(({ jobId }) => jobId);
  };

  async function addSome(entries: Added[]): Promise<void> {
    const jobs = entries.map(({ job, jobId }): StoredJob => ({ ...job, id: jobId }));
    if (!entries.every(isPlain) || (await add(jobs)) === 0) await addFully(entries);
  }

  /**
   * Adds jobs in BullMQ's own way, which is a pipeline. When Redis has forgotten a script, ioredis repeats a single
   * command, but not one in a pipeline. Jobs have ids, so adding all of them again adds only those that are missing.
   */
  async function addFully(entries: Added[]): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      try {
        await addOtherwise(entries);
        return;
      } catch (error) {
        if (!isUnknownScript(error) || tries === MAX_TRIES) throw error;
      }
    }
  }
}

/**
 * The text of a job's options up to its own id. The id comes last, because the scripts that fetch jobs cut it off: the rest
 * is the same text for all jobs of a map, and goes to Redis once.
 */
function optionsBefore({ jobId: _, ...others }: Added["job"]["opts"]): string {
  const text = toJson(others).slice(0, -1);
  return `${text}${text.length > 1 ? "," : ""}"jobId":"`;
}

/** Splits jobs into batches, each added by one script and with at least one job. */
function batchesOf<J>(jobs: readonly J[], lengthOf: (job: J) => number): J[][] {
  const batches: J[][] = [];
  let length = Infinity;
  for (const job of jobs) {
    length += lengthOf(job);
    const batch = batches.at(-1);
    if (batch !== undefined && batch.length < AT_ONCE && length <= ADD_LENGTH) {
      batch.push(job);
    } else {
      batches.push([job]);
      length = lengthOf(job);
    }
  }
  return batches;
}

function isPlain({ job, jobId, parentKeyOpts }: Added): boolean {
  return (
    typeof jobId === "string" &&
    PLAIN_ID.test(jobId) &&
    (parentKeyOpts?.parentKey ?? "") === "" &&
    job.parent === undefined &&
    job.repeatJobKey === undefined &&
    job.deduplicationId === undefined &&
    hasPlainOptions(job.opts)
  );
}

function isAskedPlainly(opts: AskedJob["opts"]): boolean {
  return opts?.jobId !== undefined && PLAIN_ID.test(opts.jobId) && hasPlainOptions(opts);
}

function hasPlainOptions(opts: object & { readonly delay?: number }): boolean {
  if ((opts.delay ?? 0) !== 0) return false;
  for (const [option, value] of Object.entries(opts)) {
    if (value !== undefined && !PLAIN_OPTIONS.has(option)) return false;
  }
  return true;
}
