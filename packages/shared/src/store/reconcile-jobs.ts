/** Finds the jobs of a map that are lost: those that have neither an outcome nor a BullMQ job. */

import type { Cluster, Redis } from "ioredis";

import { DONE_BITS } from "./keys/done-bits.ts";
import { jobIdOf } from "./keys/keys.ts";
import type { QueueKeys } from "./keys/keys.ts";
import { runScript } from "../redis/run-script.ts";
import type { Script } from "../redis/run-script.ts";

/**
 * KEYS: done, out. ARGV: prefix of the map's job keys, then indices. Gives: whether the map was still open; the indices
 * with neither outcome nor job; those with an outcome; the id of the stream's last entry, or "" if it is empty.
 */
const RECONCILE: Script = {
  lua: `${DONE_BITS}
local existed = redis.call('EXISTS', KEYS[1])
local missing, decided = {}, {}
for i = 2, #ARGV do
  if isDone(KEYS[1], ARGV[i]) then decided[#decided + 1] = ARGV[i]
  elseif redis.call('EXISTS', ARGV[1] .. ARGV[i]) == 0 then missing[#missing + 1] = ARGV[i] end
end
local last = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)
return {existed, missing, decided, last[1] and last[1][1] or ''}`,
};

/** What `reconcile` found. */
export interface Reconciled {
  /** False if the map's keys were gone: Redis was wiped, or the TTL passed. */
  readonly existed: boolean;
  /** First indices of jobs with neither outcome nor job. */
  readonly missing: number[];
  /** First indices of jobs that have an outcome, by the bitmap. */
  readonly decided: number[];
  /** Id of the stream's last entry; `""` if it holds none. */
  readonly lastEntry: string;
}

/** Jobs that one script looks for, which keeps Redis from everything else for about a millisecond. */
const AT_ONCE = 1_000;

/** Finds out which of these jobs (by first index) are lost. */
export async function reconcileJobs(
  redis: Redis | Cluster,
  keys: QueueKeys,
  mapId: string,
  indices: readonly number[],
): Promise<Reconciled> {
  const prefix = keys.job(jobIdOf(mapId, 0)).slice(0, -1);
  const found = { existed: true, missing: [] as number[], decided: [] as number[], lastEntry: "" };
  let start = 0;
  do {
    const some = indices.slice(start, start + AT_ONCE);
    const reply = await runScript(redis, RECONCILE, [keys.done(mapId), keys.out(mapId)], [prefix, ...some]);
    const [existed, missing, decided, lastEntry] = reply as [number, string[], string[], string];
    found.existed &&= existed === 1;
    found.missing.push(...missing.map(Number));
    found.decided.push(...decided.map(Number));
    // The last script's entry counts: every outcome that was found decided is at or before it.
    found.lastEntry = lastEntry;
    start += AT_ONCE;
  } while (start < indices.length);
  return found;
}
