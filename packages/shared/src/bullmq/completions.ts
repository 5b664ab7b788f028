/**
 * Completes plain jobs with their outcomes: all that end in one turn of the event loop go to Redis in one script, which also
 * fetches the next jobs. Those that may wait go together with what ends a little later.
 */

import { clearTimeout, setImmediate, setTimeout } from "node:timers";

import type { RedisQueueBackend } from "bullmq";
import type { Cluster, Redis } from "ioredis";

import { runScript } from "../redis/run-script.ts";
import type { RedisClock } from "../store/keys/redis-clock.ts";
import { entryOf, splitIntoEntries } from "../store/outcomes/publish-outcomes.ts";
import type { Outcome } from "../store/outcomes/publish-outcomes.ts";
import { FetchReader } from "./fetch-reader.ts";
import type { FetchReply, NextJobData } from "./fetch-reader.ts";
import { COMPLETE } from "./complete-script.ts";
import { AT_ONCE } from "./plain-scripts.ts";

/** What `COMPLETE` says of a job that is not plain. */
export const NOT_PLAIN = -100;

/** Characters of outcomes that go to Redis in one script: a server may limit the size of a command. */
const SEND_LENGTH = 256 * 1024;

/**
 * How long jobs wait for the answer to the last script before they are sent all the same, in ms, because Redis may be far
 * away. They wait twice as long for each further script that is unanswered: a server that is busy gets few scripts of many
 * jobs, each of which costs it less, and one that is far away is not kept waiting for more than half of a round trip.
 */
const PATIENCE_MS = 1;
const LONGEST_PATIENCE_MS = 16;

/**
 * If answers take long, jobs wait for this part of that time, up to `LONGEST_PATIENCE_MS` for the first unanswered script: that
 * delays nothing, since the server has other scripts to run.
 */
const PART_OF_ANSWER = 1 / 16;
/** However many scripts are unanswered, jobs do not wait for more than this part, if that is more than `LONGEST_PATIENCE_MS`. */
const LONGEST_PART_OF_ANSWER = 1 / 4;

/**
 * If the last script had this many jobs, the first ones that end after its answer wait for `PATIENCE_MS` too, because many
 * more are about to end.
 */
const MANY = 8;

/** So many jobs are sent even if all of them may wait: more in one script would save little for each. */
const MAX_HELD = 16;

/** A job that is done. */
export interface DoneJob {
  readonly id: string;
  /** Token of its lock. */
  readonly token: string;
  /** Another job is to be fetched in its place. */
  readonly fetchNext: boolean;
  /** How the machine is named among those that wait for a job, if this was its only one and it takes what it is handed. */
  readonly waiter?: string;
  /** What it came to, if that is still to be published. */
  readonly publication?: Publication;
}

/** An outcome that is a text and nothing else, for the stream of its map. */
export interface Publication {
  readonly mapId: string;
  readonly outcome: Outcome;
  /** How long the map's keys outlive its last sign of life, in ms. */
  readonly ttlMs: number;
}

/** What became of a job that is done. Its outcome, if it brought one, is safe in Redis, or nobody wants it. */
export interface CompletedJob {
  /** Somebody wants the map's outcomes. */
  readonly isWanted: boolean;
  /** 0, or why the job was not completed: what BullMQ's script gives, or `NOT_PLAIN`. */
  readonly code: number;
  /** The job that was fetched in its place; an error if that can't be read. */
  readonly next: NextJobData | Error;
  readonly finishedOn: number;
}

/** What `COMPLETE` says of the groups, when the next delayed job is due, and the jobs that it fetched. */
type CompleteReply = [groups: GroupReply[], nextDelayed: number, ...fetched: FetchReply[]];

type GroupReply = [said: 0 | 1 | string, ...codes: number[]];

/** Stands for an outcome in the sizes of entries. */
const NOTHING: Outcome = { at: 0, ms: 0, text: "" };

interface Waiting {
  readonly job: DoneJob;
  readonly resolve: (completed: CompletedJob) => void;
  readonly reject: (error: unknown) => void;
}

export class Completions {
  readonly #redis: Redis | Cluster;
  readonly #prefix: string;
  readonly #keys: readonly string[];
  readonly #lock: { readonly durationMs: number; readonly worker: string };
  readonly #clock: Pick<RedisClock, "nowMs" | "aheadMs">;
  #waiting: Waiting[] = [];
  /** Scripts that Redis has not answered. */
  #underWay = 0;
  /** How many jobs the last script had. */
  #last = 0;
  /** How long the last answer took, in ms. */
  #answerMs = 0;
  /** Set while jobs wait for an answer, or for more jobs. */
  #patience: NodeJS.Timeout | undefined;
  /** Set while jobs wait that may do so, and no others. */
  #hold: NodeJS.Timeout | undefined;
  /** A job that may not wait is among those that are to be sent. */
  #isUrgent = false;

  /** @param keys - those of the scripts that fetch */
  constructor(
    redis: Redis | Cluster,
    backend: Pick<RedisQueueBackend, "toKey">,
    keys: readonly string[],
    lock: { readonly durationMs: number; readonly worker: string },
    clock: Pick<RedisClock, "nowMs" | "aheadMs">,
  ) {
    this.#redis = redis;
    this.#prefix = backend.toKey("");
    this.#keys = keys;
    this.#lock = lock;
    this.#clock = clock;
  }

  /**
   * Publishes a job's outcome, if it brings one, and completes the job. Rejects if Redis refuses: then the outcome may not be
   * published, and the job is not completed.
   *
   * @param mayWaitMs - how long it may wait for others, so that many go to Redis in one script
   */
  add(job: DoneJob, mayWaitMs: number = 0): Promise<CompletedJob> {
    // Ids go to Redis as lines. Those of jobs with an outcome are made of a map's id and an index.
    if (job.publication === undefined && /\s/.test(job.id)) {
      return Promise.resolve({ isWanted: true, code: NOT_PLAIN, next: [], finishedOn: this.#clock.nowMs });
    }
    const waits = mayWaitMs > 0 && this.#waiting.length + 1 < MAX_HELD;
    // The machine has no other job that could end in this turn.
    const isAlone = !waits && (job.waiter ?? "") !== "" && this.#underWay + this.#waiting.length === 0;
    if (waits && !this.#isUrgent) this.#hold ??= setTimeout(this.#flush, mayWaitMs);
    else if (!(this.#isUrgent || isAlone)) this.#schedule();
    return new Promise((resolve, reject) => {
      const count = this.#waiting.push({ job, resolve, reject });
      // More than `AT_ONCE` jobs would not fit into the same script.
      if (isAlone || (count === AT_ONCE && this.#patience !== undefined)) this.#flush();
    });
  }

  /** What ends while a script is under way goes with the next one: many jobs in one script cost each of them less. */
  #schedule(): void {
    this.#isUrgent = true;
    if (this.#underWay === 0 && this.#last < MANY) setImmediate(this.#flush);
    else this.#patience = setTimeout(this.#flush, this.#patienceMs);
  }

  get #patienceMs(): number {
    if (this.#underWay === 0) return PATIENCE_MS;
    const first = Math.min(LONGEST_PATIENCE_MS, Math.max(PATIENCE_MS, this.#answerMs * PART_OF_ANSWER));
    const longest = Math.max(LONGEST_PATIENCE_MS, this.#answerMs * LONGEST_PART_OF_ANSWER);
    return Math.min(longest, first * 2 ** (this.#underWay - 1));
  }

  readonly #flush = (): void => {
    clearTimeout(this.#patience);
    this.#patience = undefined;
    clearTimeout(this.#hold);
    this.#hold = undefined;
    this.#isUrgent = false;
    const all = this.#waiting;
    this.#waiting = [];
    for (let start = 0; start < all.length;) {
      const some = all.slice(start, endOfBatch(all, start));
      start += some.length;
      void this.#send(some);
    }
  };

  async #send(jobs: readonly Waiting[]): Promise<void> {
    this.#underWay++;
    this.#last = jobs.length;
    const sentAt = performance.now();
    try {
      const groups = jobs.length === 1 ? [jobs] : [...Map.groupBy(jobs, groupOf).values()].flatMap(groupsOf);
      await this.#sendGroups(groups);
    } catch (error) {
      for (const { reject } of jobs) reject(error);
    } finally {
      this.#underWay--;
      this.#answerMs = performance.now() - sentAt;
      if (this.#patience !== undefined && this.#underWay === 0) {
        clearTimeout(this.#patience);
        this.#patience = undefined;
        setImmediate(this.#flush);
      }
    }
  }

  async #sendGroups(groups: readonly (readonly Waiting[])[]): Promise<void> {
    const finishedOn = this.#clock.nowMs;
    const { durationMs, worker } = this.#lock;
    const waiter = groups[0]?.[0]?.job.waiter ?? "";
    const args: (string | number)[] = [this.#prefix, finishedOn, durationMs, worker, waiter];
    for (const jobs of groups) {
      const [first] = jobs;
      const { mapId = "", ttlMs = 0 } = first?.job.publication ?? {};
      const outcomes = jobs.flatMap(({ job }) => job.publication?.outcome ?? []);
      const [i, ran, o] =
        mapId === "" ? [jobs.map(({ job }) => job.id).join("\n"), "", ""] : entryOf(outcomes);
      args.push(mapId, ttlMs, first?.job.fetchNext === true ? 1 : 0, tokensOf(jobs), i, ran, o);
    }
    const reply = (await runScript(this.#redis, COMPLETE, this.#keys, args)) as CompleteReply;
    const [said, nextDelayed, ...fetched] = reply;
    const { aheadMs } = this.#clock;
    const reader = new FetchReader({ nowMs: finishedOn, worker, aheadMs }, fetched);
    const none: NextJobData | Error = nextDelayed >= 0 ? reader.noJob(nextDelayed) : [];
    for (const [place, jobs] of groups.entries()) {
      const [wanted = 0, ...codes] = said[place] ?? [];
      for (const [i, { job, resolve, reject }] of jobs.entries()) {
        if (typeof wanted === "string") {
          reject(new Error(wanted));
          continue;
        }
        const code = codes[codes.length === 1 ? 0 : i] ?? NOT_PLAIN;
        const next: NextJobData | Error = code === 0 && job.fetchNext ? (reader.next() ?? none) : [];
        resolve({ isWanted: wanted === 1, code, next, finishedOn });
      }
    }
  }
}

/** The tokens of jobs, as `COMPLETE` takes them. */
function tokensOf(jobs: readonly Waiting[]): string {
  let [text, last, count] = ["", jobs[0]?.job.token ?? "", 0];
  for (const { job } of jobs) {
    if (job.token !== last) {
      text += `${count} ${last}\n`;
      [last, count] = [job.token, 0];
    }
    count++;
  }
  return `${text}${count} ${last}`;
}

/** Splits jobs of one map into groups whose outcomes share an entry. Those with the same token follow each other. */
function groupsOf(jobs: readonly Waiting[]): Waiting[][] {
  const byToken = [...Map.groupBy(jobs, ({ job }) => job.token).values()].flat();
  if (mapOf(jobs[0]) === "") return [byToken];
  return splitIntoEntries(byToken, ({ job }) => job.publication?.outcome ?? NOTHING);
}

function groupOf(waiting: Waiting): string {
  return `${waiting.job.fetchNext ? "+" : "-"}${mapOf(waiting)}`;
}

function mapOf(waiting: Waiting | undefined): string {
  return waiting?.job.publication?.mapId ?? "";
}

/** Index behind the last job of the batch that begins at `start`. A batch has at least one job. */
function endOfBatch(jobs: readonly Waiting[], start: number): number {
  let end = start + 1;
  for (let length = lengthOf(jobs[start]); end < Math.min(jobs.length, start + AT_ONCE); end++) {
    length += lengthOf(jobs[end]);
    if (length > SEND_LENGTH) break;
  }
  return end;
}

function lengthOf(waiting: Waiting | undefined): number {
  return waiting?.job.publication?.outcome.text.length ?? 0;
}
