/** Publishes the outcomes of jobs: each enters its map's stream once, in the step that sets its bit. */

import type { Cluster, Redis } from "ioredis";

import { SET_DONE } from "./keys/done-bits.ts";
import type { QueueKeys } from "./keys/keys.ts";
import { settleAccounts } from "./keys/turns.ts";
import { runScript } from "../redis/run-script.ts";
import type { Script } from "../redis/run-script.ts";
import type { FailedJob, OutcomeText, RanText } from "../wire.ts";

/** How a script publishes the outcomes of jobs. */
interface Publishing {
  /** Number of arguments of each job, of which the first two are the job's first index and its `RanText`. */
  readonly width: number;
  /** A Lua expression for the key of the accounts by which maps take turns. */
  readonly accounts: string;
  /**
   * Lua for what becomes of the first outcomes of jobs: the places of their arguments in `ARGV` are `fresh`, their map's stream
   * is `out`.
   */
  readonly decide: string;
}

/**
 * Lua: `publish(map, done, out, bytes, ttl, first, last)` publishes the outcomes of one map's jobs, which are the arguments of
 * the script from `first` to `last`. Gives 0 if the map is not wanted: then nothing was published.
 *
 * The producer keeps the keys from expiring. This script renews them only when half of their time is gone, for a map
 * whose producer has died.
 */
function publishing({ width, accounts, decide }: Publishing): string {
  return `${SET_DONE}
local function publish(map, done, out, bytes, ttl, first, last)
  local left = redis.call('PTTL', done)
  if left == -2 then return 0 end
  ${settleAccounts(accounts, "map")}
  local fresh = setDone(done, ttl, first, last, ${width})
  local ok, problem = pcall(function()
  ${decide}
  end)
  if not ok then
    -- The stream is something else. Without an entry there is no outcome: the jobs are found missing.
    for _, i in ipairs(fresh) do clearDone(done, ARGV[i]) end
    error(problem, 0)
  end
  for _, i in ipairs(fresh) do ran(ARGV[i + 1]) end
  settleAccount()
  if left < ttl / 2 then
    for _, key in ipairs({done, out, bytes}) do redis.call('PEXPIRE', key, ttl) end
  end
  return 1
end`;
}

/** An entry takes no more outcomes once it has so many bytes, because an entry is read in one piece. */
const ENTRY_BYTES = 16 * 1024;

/** Outcomes in one entry. */
const ENTRY_OUTCOMES = 100;

/**
 * Outcomes share an entry of the stream: to write and to read one costs more than the outcomes in it.
 *
 * @param width - of each job; the first three are the first index of the job, its `RanText` and its outcome
 */
export function publishingPlain(how: Omit<Publishing, "decide">): string {
  const decide = `local fields, size = {}, 0
  for place, i in ipairs(fresh) do
    local n, text = #fields, ARGV[i + 2]
    fields[n + 1], fields[n + 2], fields[n + 3] = 'i', ARGV[i], 'ran'
    fields[n + 4], fields[n + 5], fields[n + 6] = ARGV[i + 1], 'o', text
    size = size + #text
    if size >= ${ENTRY_BYTES} or n + 6 >= ${6 * ENTRY_OUTCOMES} or place == #fresh then
      redis.call('XADD', out, '*', unpack(fields))
      fields, size = {}, 0
    end
  end`;
  return publishing({ ...how, decide });
}

/**
 * KEYS: done, out, in, accounts. ARGV: ttlMs, map id, then (first index, `RanText`, outcome) for each job. Gives 0 if the
 * map is not wanted.
 */
const PUBLISH: Script = {
  lua: `${publishingPlain({ width: 3, accounts: "KEYS[4]" })}
return publish(ARGV[2], KEYS[1], KEYS[2], KEYS[3], ARGV[1], 3, #ARGV)`,
};

/**
 * The same for jobs that have bytes or may be kept. KEYS: done, out, in, failed, accounts. ARGV: ttlMs, map id, then
 * (first index, `RanText`, outcome, its bytes or "", job or "", how many jobs of the map may be kept or -1) for each job.
 * A job that is kept keeps its arguments' bytes.
 */
const PUBLISH_WHOLE: Script = {
  lua: `${publishing({
    width: 6,
    accounts: "KEYS[5]",
    decide: `for _, i in ipairs(fresh) do
    local id
    if ARGV[i + 3] == '' then
      id = redis.call('XADD', out, '*', 'i', ARGV[i], 'ran', ARGV[i + 1], 'o', ARGV[i + 2])
    else
      id = redis.call('XADD', out, '*', 'i', ARGV[i], 'ran', ARGV[i + 1], 'o', ARGV[i + 2], 'b', ARGV[i + 3])
    end
    local most = tonumber(ARGV[i + 5])
    if ARGV[i + 4] == '' or (most >= 0 and redis.call('HLEN', KEYS[4]) >= most) then
      redis.call('HDEL', bytes, ARGV[i])
    else
      redis.call('HSET', KEYS[4], ARGV[i], id .. ' ' .. ARGV[i + 4])
      redis.call('PEXPIRE', KEYS[4], ttl)
    end
  end`,
  })}
return publish(ARGV[2], KEYS[1], KEYS[2], KEYS[3], ARGV[1], 3, #ARGV)`,
};

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
  const whole = !outcomes.every(isPlainOutcome);
  const args = outcomes.flatMap(({ at, ms, text, bytes = "", by, failed }) => {
    const fields: (number | string | Buffer)[] = [at, ranText(ms, by), text];
    if (whole) fields.push(bytes, failed === undefined ? "" : JSON.stringify(failed), mostKept(failed));
    return fields;
  });
  const mapKeys = [keys.done(mapId), keys.out(mapId), keys.in(mapId)];
  if (whole) mapKeys.push(keys.failed(mapId));
  mapKeys.push(keys.accounts);
  return (await runScript(redis, whole ? PUBLISH_WHOLE : PUBLISH, mapKeys, [ttlMs, mapId, ...args])) === 1;
}

/** Whether an outcome is a text and nothing else: no bytes, and no job that is to be kept with it. */
export function isPlainOutcome({ bytes, hadBytes, failed }: Outcome): boolean {
  return bytes === undefined && hadBytes !== true && failed === undefined;
}

/** Says how a job ran. */
export function ranText(ms: number, by: string | undefined): RanText {
  const rounded = String(Math.round(ms * 1_000) / 1_000);
  return by === undefined ? rounded : `${rounded} ${by}`;
}
