/** Publishes the outcomes of jobs: each enters its map's stream once, in the step that sets its bit. */

import type { Cluster, Redis } from "ioredis";

import { SET_DONE } from "./keys/done-bits.ts";
import type { QueueKeys } from "./keys/keys.ts";
import { settleAccounts } from "./keys/turns.ts";
import { runScript } from "../redis/run-script.ts";
import type { Script } from "../redis/run-script.ts";
import type { FailedJob, OutcomeText, RanText } from "../wire.ts";

/**
 * KEYS: done, out, in, accounts. ARGV: ttlMs, map id, then (first index, `RanText`, outcome) for each job. Gives 0 if the
 * map is not wanted.
 *
 * The producer keeps the keys from expiring. This script renews them only when half of their time is gone, for a map
 * whose producer has died.
 */
const PUBLISH: Script = publishScript(
  { width: 3, accounts: "KEYS[4]" },
  `redis.call('XADD', KEYS[2], '*', 'i', ARGV[i], 'ran', ARGV[i + 1], 'o', ARGV[i + 2])`,
);

/**
 * The same for jobs that have bytes or may be kept. KEYS: done, out, in, failed, accounts. ARGV: ttlMs, map id, then
 * (first index, `RanText`, outcome, its bytes or "", job or "", how many jobs of the map may be kept or -1) for each job.
 * A job that is kept keeps its arguments' bytes.
 */
const PUBLISH_WHOLE: Script = publishScript(
  { width: 6, accounts: "KEYS[5]" },
  `local id
    if ARGV[i + 3] == '' then
      id = redis.call('XADD', KEYS[2], '*', 'i', ARGV[i], 'ran', ARGV[i + 1], 'o', ARGV[i + 2])
    else
      id = redis.call('XADD', KEYS[2], '*', 'i', ARGV[i], 'ran', ARGV[i + 1], 'o', ARGV[i + 2], 'b', ARGV[i + 3])
    end
    local most = tonumber(ARGV[i + 5])
    if ARGV[i + 4] == '' or (most >= 0 and redis.call('HLEN', KEYS[4]) >= most) then
      redis.call('HDEL', KEYS[3], ARGV[i])
    else
      redis.call('HSET', KEYS[4], ARGV[i], id .. ' ' .. ARGV[i + 4])
      redis.call('PEXPIRE', KEYS[4], ARGV[1])
    end`,
);

/**
 * @param how - `width`: arguments for each job; `accounts`: the key of the accounts by which maps take turns
 * @param decide - what the first outcome of a job leads to
 */
function publishScript(how: { readonly width: number; readonly accounts: string }, decide: string): Script {
  return {
    lua: `${SET_DONE}
local left = redis.call('PTTL', KEYS[1])
if left == -2 then return 0 end
${settleAccounts(how.accounts, "ARGV[2]")}
for i = 3, #ARGV, ${how.width} do
  if setDone(KEYS[1], ARGV[i], ARGV[1]) then
    ${decide}
    ran(ARGV[i + 1])
  end
end
settleAccount()
if left < ARGV[1] / 2 then
  for i = 1, 3 do redis.call('PEXPIRE', KEYS[i], ARGV[1]) end
end
return 1`,
  };
}

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
  const whole = outcomes.some(
    ({ bytes, hadBytes, failed }) => bytes !== undefined || hadBytes === true || failed !== undefined,
  );
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

function ranText(ms: number, by: string | undefined): RanText {
  const rounded = String(Math.round(ms * 1_000) / 1_000);
  return by === undefined ? rounded : `${rounded} ${by}`;
}
