/** Publishes the outcomes of jobs: each enters its map's stream once, in the step that sets its bit. */

import type { Cluster, Redis } from "ioredis";

import { SET_DONE } from "./keys/done-bits.ts";
import type { QueueKeys } from "./keys/keys.ts";
import { settleAccounts } from "./keys/turns.ts";
import { runScript } from "../redis/run-script.ts";
import type { Script } from "../redis/run-script.ts";
import { toJson } from "../values/to-json.ts";
import type { FailedJob, OutcomeText, RanText } from "../wire.ts";

/**
 * Lua: `publish(map, done, out, bytes, ttl, indices, jobs)` publishes the outcomes of one map's jobs. Gives 0 if the map is not
 * wanted: then nothing was published.
 *
 * The producer keeps the keys from expiring. This script renews them only when half of their time is gone, for a map
 * whose producer has died.
 *
 * @param accounts - a Lua expression for the key of the accounts by which maps take turns
 * @param how - Lua that declares two functions: `decide(out, bytes, ttl, indices, fresh, jobs, written)` writes the
 * outcomes of the jobs at the places `fresh` of `indices`, which have none yet, and notes in `written` the places of those whose
 * entry is there, even if the rest fails; `ranOf(fresh, jobs)` gives their `RanText`s
 */
function publishing(accounts: string, how: string): string {
  return `${SET_DONE}
-- None of these lines is empty.
local function linesOf(text)
  local lines = {}
  for line in string.gmatch(text, '[^\\n]+') do lines[#lines + 1] = line end
  return lines
end
${how}
local function publish(map, done, out, bytes, ttl, indices, jobs)
  local left = redis.call('PTTL', done)
  if left == -2 then return 0 end
  ${settleAccounts(accounts, "map")}
  local fresh, written = setDone(done, ttl, indices), {}
  local ok, problem = pcall(decide, out, bytes, ttl, indices, fresh, jobs, written)
  if not ok then
    -- The stream is something else. Without an entry there is no outcome: the jobs are found missing.
    for _, n in ipairs(fresh) do
      if not written[n] then clearDone(done, indices[n]) end
    end
    error(problem, 0)
  end
  if account then
    for _, text in ipairs(ranOf(fresh, jobs)) do ran(text) end
    settleAccount()
  end
  if left < ttl / 2 then
    for _, key in ipairs({done, out, bytes}) do redis.call('PEXPIRE', key, ttl) end
  end
  return 1
end`;
}

/** An entry takes no more outcomes once it has so many characters, because an entry is read in one piece. */
const ENTRY_LENGTH = 16 * 1024;

/** Outcomes in one entry. */
const ENTRY_OUTCOMES = 100;

/**
 * Lua for scripts that publish outcomes which are texts and nothing else. `jobs` are then the fields of an entry that has the
 * outcomes of all of them: the texts `i`, `ran` and `o`, with a line for each job.
 *
 * Jobs come in one piece, and an entry goes to the stream as it came, because each text that a script is given or gives to a
 * command costs as much as the outcome of a tiny job itself.
 */
export function publishingPlain(accounts: string): string {
  return publishing(
    accounts,
    `
local function only(fresh, lines)
  local some = {}
  for k, n in ipairs(fresh) do some[k] = lines[n] end
  return some
end
local function ranOf(fresh, jobs) return only(fresh, linesOf(jobs.ran)) end
local function decide(out, bytes, ttl, indices, fresh, jobs)
  if #fresh == 0 then return end
  local i, ran, o = jobs.i, jobs.ran, jobs.o
  -- Some jobs have run twice.
  if #fresh < #indices then
    i = table.concat(only(fresh, indices), '\\n')
    ran, o = table.concat(ranOf(fresh, jobs), '\\n'), table.concat(only(fresh, linesOf(o)), '\\n')
  end
  redis.call('XADD', out, '*', 'i', i, 'ran', ran, 'o', o)
end`,
  );
}

/**
 * KEYS: done, out, in, accounts. ARGV: ttlMs, map id, then the fields `i`, `ran` and `o` of each entry. Gives 0 if the map is
 * not wanted.
 */
const PUBLISH: Script = {
  lua: `${publishingPlain("KEYS[4]")}
local said = 1
for n = 3, #ARGV, 3 do
  local jobs = {i = ARGV[n], ran = ARGV[n + 1], o = ARGV[n + 2]}
  said = publish(ARGV[2], KEYS[1], KEYS[2], KEYS[3], ARGV[1], linesOf(jobs.i), jobs)
end
return said`,
};

/**
 * The same for jobs that have bytes or may be kept. KEYS: done, out, in, failed, accounts. ARGV: ttlMs, map id, then
 * (first index, `RanText`, outcome, its bytes or "", job or "", how many jobs of the map may be kept or -1) for each job.
 * A job that is kept keeps its arguments' bytes.
 */
const PUBLISH_WHOLE: Script = {
  lua: `${publishing(
    "KEYS[5]",
    `
local function argOf(n) return 6 * n - 3 end
local function ranOf(fresh)
  local texts = {}
  for k, n in ipairs(fresh) do texts[k] = ARGV[argOf(n) + 1] end
  return texts
end
local function decide(out, bytes, ttl, indices, fresh, jobs, written)
  for _, n in ipairs(fresh) do
    local i, id = argOf(n), nil
    if ARGV[i + 3] == '' then
      id = redis.call('XADD', out, '*', 'i', ARGV[i], 'ran', ARGV[i + 1], 'o', ARGV[i + 2])
    else
      id = redis.call('XADD', out, '*', 'i', ARGV[i], 'ran', ARGV[i + 1], 'o', ARGV[i + 2], 'b', ARGV[i + 3])
    end
    written[n] = true
    local most = tonumber(ARGV[i + 5])
    if ARGV[i + 4] == '' or (most >= 0 and redis.call('HLEN', KEYS[4]) >= most) then
      redis.call('HDEL', bytes, ARGV[i])
    else
      redis.call('HSET', KEYS[4], ARGV[i], id .. ' ' .. ARGV[i + 4])
      redis.call('PEXPIRE', KEYS[4], ttl)
    end
  end
end`,
  )}
local indices = {}
for i = 3, #ARGV, 6 do indices[#indices + 1] = ARGV[i] end
return publish(ARGV[2], KEYS[1], KEYS[2], KEYS[3], ARGV[1], indices)`,
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
  const mapKeys = [keys.done(mapId), keys.out(mapId), keys.in(mapId)];
  if (outcomes.every(isPlainOutcome)) {
    const args = splitIntoEntries(outcomes, (outcome) => outcome).flatMap(entryOf);
    return (await runScript(redis, PUBLISH, [...mapKeys, keys.accounts], [ttlMs, mapId, ...args])) === 1;
  }
  const args = outcomes.flatMap(({ at, ms, text, bytes = "", by, failed }) => {
    const job = failed === undefined ? "" : toJson(failed);
    return [at, ranText(ms, by), text, bytes, job, mostKept(failed)];
  });
  mapKeys.push(keys.failed(mapId), keys.accounts);
  return (await runScript(redis, PUBLISH_WHOLE, mapKeys, [ttlMs, mapId, ...args])) === 1;
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
