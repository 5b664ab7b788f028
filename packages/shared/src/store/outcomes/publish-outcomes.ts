/** Publishes the outcomes of jobs: each enters its map's stream once, in the step that sets its bit. */

import type { Cluster, Redis } from "ioredis";

import type { QueueKeys } from "../keys/keys.ts";
import { PUBLISH, PUBLISH_ADDED, PUBLISH_WHOLE } from "./publish-scripts.ts";
import { runScript } from "../../redis/run-script.ts";
import { dontTransact, isForbidden, mayTransact, sendTransaction } from "../../redis/send-transaction.ts";
import { toJson } from "../../values/to-json.ts";
import type { FailedJob, OutcomeText, RanText } from "../../wire.ts";

/** An entry takes no more outcomes once it has so many characters, because an entry is read in one piece. */
const ENTRY_LENGTH = 16 * 1024;

/** Outcomes in one entry. */
const ENTRY_OUTCOMES = 100;

/** The outcome of one job, to be published. */
export interface Outcome {
  /** Index of the job's first item. */
  readonly at: number;
  /** How long the job ran, in ms. */
  readonly ms: number;
  readonly text: OutcomeText;
  /** The bytes that the text names. */
  readonly bytes?: Buffer | undefined;
  /** The job's arguments had bytes, which can be removed now. */
  readonly hadBytes?: boolean;
  /** What ran it: machine, process, and so on, as in a `RanText`. Absent: nothing did. */
  readonly by?: string | undefined;
  /** The job, if it is to be kept because an item of it failed. */
  readonly failed?: FailedJob;
}

/** How many jobs of a map may be kept; -1 for all. */
function mostKept(failed: FailedJob | undefined): number {
  return typeof failed?.data.keepFailed === "number" ? failed.data.keepFailed : -1;
}

/** Publishes outcomes, each at most once. False if nobody wants the map's outcomes. */
export async function publishOutcomes(
  redis: Redis | Cluster,
  keys: QueueKeys,
  mapId: string,
  outcomes: readonly Outcome[],
  ttlMs: number,
): Promise<boolean> {
  if (outcomes.every(isPlainOutcome)) {
    const scriptKeys = [keys.done(mapId), keys.out(mapId), keys.in(mapId), keys.accounts];
    const args = splitIntoEntries(outcomes, (outcome) => outcome).flatMap(entryOf);
    return (await runScript(redis, PUBLISH, scriptKeys, [ttlMs, mapId, ...args])) === 1;
  }
  // On a Cluster, a transaction would have to follow its keys when they move to another node.
  const { large = [], others = [] } = redis.isCluster
    ? { others: outcomes }
    : Object.groupBy(outcomes, ({ bytes, failed }) =>
        bytes !== undefined && failed === undefined ? "large" : "others",
      );
  const said = await Promise.all([
    others.length === 0 ? true : publishByScript(redis, keys, mapId, others, ttlMs),
    large.length === 0 ? true : publishBytes(redis as Redis, keys, mapId, large, ttlMs),
  ]);
  return said.every(Boolean);
}

async function publishByScript(
  redis: Redis | Cluster,
  keys: QueueKeys,
  mapId: string,
  outcomes: readonly Outcome[],
  ttlMs: number,
): Promise<boolean> {
  const args = outcomes.flatMap(({ at, ms, text, bytes = "", by, failed }) => {
    const job = failed === undefined ? "" : toJson(failed);
    return [at, ranText(ms, by), text, bytes, job, mostKept(failed)];
  });
  const scriptKeys = [keys.done(mapId), keys.out(mapId), keys.in(mapId), keys.failed(mapId), keys.accounts];
  return (await runScript(redis, PUBLISH_WHOLE, scriptKeys, [ttlMs, mapId, ...args])) === 1;
}

/** Publishes outcomes that have bytes, whose jobs are not kept. */
async function publishBytes(...all: Parameters<typeof publishAdded>): Promise<boolean> {
  const [redis] = all;
  if (!(await mayTransact(redis))) return await publishByScript(...all);
  try {
    return await publishAdded(...all);
  } catch (error) {
    // The login has lost the right since.
    if (!isForbidden(error)) throw error;
    dontTransact(redis);
    return await publishByScript(...all);
  }
}

/** The same in a transaction. The entries are plain commands, since Lua is slow with bytes. */
async function publishAdded(
  redis: Redis,
  keys: QueueKeys,
  mapId: string,
  outcomes: readonly Outcome[],
  ttlMs: number,
): Promise<boolean> {
  const out = keys.out(mapId);
  const jobs = outcomes.map((outcome) => ({ ...outcome, ran: ranText(outcome.ms, outcome.by) }));
  const entries = jobs.map(({ at, ran, text, bytes = "" }) => {
    return ["xadd", out, "*", "i", at, "ran", ran, "o", text, "b", bytes] as const;
  });
  const scriptKeys = [keys.done(mapId), out, keys.in(mapId), keys.accounts];
  const args = [ttlMs, mapId, ...jobs.flatMap(({ at, ran }) => [at, ran])];
  // By its text: a Redis that does not know its digest would have added the entries all the same.
  const script = ["eval", PUBLISH_ADDED.lua, scriptKeys.length, ...scriptKeys, ...args] as const;
  return (await sendTransaction(redis, [...entries, script])) === 1;
}

/**
 * Whether an outcome is a text and nothing else: no bytes, and no job that is to be kept with it. It may share an entry if it
 * is one line, which all are that machines make.
 */
export function isPlainOutcome({ text, bytes, hadBytes, failed }: Outcome): boolean {
  return bytes === undefined && hadBytes !== true && failed === undefined && !text.includes("\n");
}

/** Groups outcomes, which may be parts of something else: those of a group share an entry. */
export function splitIntoEntries<O>(all: readonly O[], outcomeOf: (one: O) => Outcome): O[][] {
  const entries: O[][] = [];
  let length = 0;
  for (const one of all) {
    const entry = entries.at(-1);
    if (entry === undefined || length >= ENTRY_LENGTH || entry.length === ENTRY_OUTCOMES) {
      entries.push([one]);
      length = 0;
    } else entry.push(one);
    length += outcomeOf(one).text.length;
  }
  return entries;
}

/** The fields `i`, `ran` and `o` of an entry with these outcomes, which are plain. */
export function entryOf(outcomes: readonly Outcome[]): [i: string, ran: string, o: string] {
  let [i, ran, o] = ["", "", ""];
  let end = "";
  for (const { at, ms, by, text } of outcomes) {
    i += `${end}${at}`;
    ran += end + ranText(ms, by);
    o += end + text;
    end = "\n";
  }
  return [i, ran, o];
}

/** Says how a job ran. */
function ranText(ms: number, by: string | undefined): RanText {
  const rounded = String(Math.round(ms * 1_000) / 1_000);
  return by === undefined ? rounded : `${rounded} ${by}`;
}
