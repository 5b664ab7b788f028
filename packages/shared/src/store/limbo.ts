/**
 * Jobs in limbo: BullMQ has the job, and no worker will ever get it, because it stands in none of the lists from which
 * workers fetch, or counts as completed or failed although it has no outcome. Another BullMQ worker on the queue leaves
 * such jobs behind, and so does whoever deletes one of the lists.
 */

import type { Cluster, Redis } from "ioredis";

import { runScript } from "../redis/run-script.ts";
import type { Script } from "../redis/run-script.ts";
import { DONE_BITS } from "./keys/done-bits.ts";
import { jobIdOf } from "./keys/keys.ts";
import type { QueueKeys } from "./keys/keys.ts";
import { ENTER_TURNS } from "./keys/turns.ts";

/**
 * KEYS: done, prioritized, delayed, stage, turns, accounts. ARGV: prefix of the map's job keys, of its job ids, then indices.
 * Gives those whose job exists, has no outcome, is not locked, and is in neither sorted set: they should be in a list. A map
 * that has staged jobs, and no turns because Redis lost them, is given its turns again.
 */
const LOOSE: Script = {
  lua: `${DONE_BITS}
${ENTER_TURNS}
if redis.call('LLEN', KEYS[4]) > 0 then enter(KEYS[5], KEYS[6], string.sub(ARGV[2], 1, -2)) end
local loose = {}
for i = 3, #ARGV do
  local key, id = ARGV[1] .. ARGV[i], ARGV[2] .. ARGV[i]
  if not isDone(KEYS[1], ARGV[i]) and redis.call('EXISTS', key) == 1
      and redis.call('EXISTS', key .. ':lock') == 0
      and not redis.call('ZSCORE', KEYS[2], id) and not redis.call('ZSCORE', KEYS[3], id) then
    loose[#loose + 1] = ARGV[i]
  end
end
return loose`,
};

/**
 * The list in which older BullMQs keep the jobs of a paused queue. They come back when it is resumed. While it is not paused,
 * nobody fetches from there.
 */
const PAUSED = "paused";

/**
 * Lua: `isNowhere(index, key, id)` says whether a job has no outcome, is not locked, and is in none of the places from which
 * workers fetch. It looks again at everything: a job may have moved since it was found loose.
 *
 * KEYS: done, prioritized, delayed, stage, wait, paused, active, meta.
 */
const IS_NOWHERE = `${DONE_BITS}
local function isNowhere(index, key, id)
  return not isDone(KEYS[1], index) and redis.call('EXISTS', key .. ':lock') == 0
    and not redis.call('ZSCORE', KEYS[2], id) and not redis.call('ZSCORE', KEYS[3], id)
    and not redis.call('LPOS', KEYS[4], id) and not redis.call('LPOS', KEYS[5], id)
    and not redis.call('LPOS', KEYS[7], id)
    and not (redis.call('HGET', KEYS[8], 'paused') and redis.call('LPOS', KEYS[6], id))
end`;

/** KEYS: as above, then completed, failed. ARGV: as LOOSE. Removes the jobs that are nowhere, and gives their indices. */
const REMOVE: Script = {
  lua: `${IS_NOWHERE}
local removed = {}
for i = 3, #ARGV do
  local key, id = ARGV[1] .. ARGV[i], ARGV[2] .. ARGV[i]
  if isNowhere(ARGV[i], key, id) then
    redis.call('LREM', KEYS[6], 0, id)
    redis.call('ZREM', KEYS[9], id)
    redis.call('ZREM', KEYS[10], id)
    redis.call('DEL', key, key .. ':logs')
    removed[#removed + 1] = ARGV[i]
  end
end
return removed`,
};

/** KEYS: as REMOVE, then turns, accounts. ARGV: as LOOSE. Puts the jobs that are nowhere onto their map's stage, and gives their indices. */
const RESTAGE: Script = {
  lua: `${IS_NOWHERE}
${ENTER_TURNS}
local staged = {}
for i = 3, #ARGV do
  local key, id = ARGV[1] .. ARGV[i], ARGV[2] .. ARGV[i]
  if redis.call('EXISTS', key) == 1 and isNowhere(ARGV[i], key, id) then
    redis.call('LREM', KEYS[6], 0, id)
    redis.call('ZREM', KEYS[9], id)
    redis.call('ZREM', KEYS[10], id)
    redis.call('LPUSH', KEYS[4], id)
    staged[#staged + 1] = ARGV[i]
  end
end
if #staged > 0 then enter(KEYS[11], KEYS[12], string.sub(ARGV[2], 1, -2)) end
return staged`,
};

/** The order in which jobs move, from the map's stage on. Reading the lists in this order finds every job that waits. */
const LISTS = ["wait", PAUSED, "active"] as const;

/** Ids that are read from a list at a time. */
const PAGE = 1_000;

/** Jobs that one script looks for in whole lists. */
const REMOVED_AT_ONCE = 20;

/** What `removeLimbo` did. */
export interface RemovedLimbo {
  /** First indices of jobs that can be enqueued again. */
  readonly removed: number[];
  /** How many ids were read from lists to find out. */
  readonly idsRead: number;
}

/** Removes those of a map's jobs that are in limbo. */
export async function removeLimbo(
  redis: Redis | Cluster,
  keys: QueueKeys,
  mapId: string,
  indices: readonly number[],
): Promise<RemovedLimbo> {
  const { settled, idsRead } = await settleLimbo(redis, keys, { mapId, indices, by: REMOVE, further: [] });
  return { removed: settled, idsRead };
}

/**
 * Puts those of a map's jobs that are in limbo back into line. A handle of `attach()` needs this: it has no arguments
 * with which to enqueue them anew. Gives how many ids were read.
 */
export async function restageLimbo(
  redis: Redis | Cluster,
  keys: QueueKeys,
  mapId: string,
  indices: readonly number[],
): Promise<number> {
  const further = [keys.turns, keys.accounts];
  return (await settleLimbo(redis, keys, { mapId, indices, by: RESTAGE, further })).idsRead;
}

interface LimboTask {
  readonly mapId: string;
  readonly indices: readonly number[];
  /** The script that is run on jobs that are in no list. */
  readonly by: Script;
  /** Keys that the script needs in addition to the lists. */
  readonly further: readonly string[];
}

async function settleLimbo(
  redis: Redis | Cluster,
  keys: QueueKeys,
  { mapId, indices, by, further }: LimboTask,
): Promise<{ readonly settled: number[]; readonly idsRead: number }> {
  const idPrefix = jobIdOf(mapId, 0).slice(0, -1);
  const prefixes = [keys.job(idPrefix), idPrefix];
  const sets = [keys.done(mapId), keys.job("prioritized"), keys.job("delayed")];
  const places = [...sets, keys.stage(mapId), keys.turns, keys.accounts];
  const loose = new Set<string>();
  let idsRead = 0;
  for (let start = 0; start < indices.length; start += PAGE) {
    const args = [...prefixes, ...indices.slice(start, start + PAGE)];
    for (const index of (await runScript(redis, LOOSE, places, args)) as string[]) loose.add(index);
  }
  // Whole lists are read by this process, page by page, because a script that searched them would block Redis.
  const meta = keys.job("meta");
  const isPaused = loose.size > 0 && (await redis.hget(meta, "paused")) !== null;
  const lists = [keys.stage(mapId), ...LISTS.map((name) => keys.job(name))];
  for (const list of lists) {
    if (list === keys.job(PAUSED) && !isPaused) continue;
    for (let start = 0; loose.size > 0; start += PAGE) {
      const ids = await redis.lrange(list, start, start + PAGE - 1);
      idsRead += ids.length;
      for (const id of ids) {
        if (id.startsWith(idPrefix)) loose.delete(id.slice(idPrefix.length));
      }
      if (ids.length < PAGE) break;
    }
  }
  const settled: number[] = [];
  const all = [...sets, ...lists, meta, keys.job("completed"), keys.job("failed"), ...further];
  const candidates = [...loose];
  for (let start = 0; start < candidates.length; start += REMOVED_AT_ONCE) {
    const args = [...prefixes, ...candidates.slice(start, start + REMOVED_AT_ONCE)];
    settled.push(...((await runScript(redis, by, all, args)) as string[]).map(Number));
  }
  return { settled, idsRead };
}
