/**
 * Removes the jobs of a map that wait. BullMQ removes one job at a time, and looks through the whole list of waiting jobs
 * for each: 80,000 of them kept Redis busy for half a minute. Here each part of the list is looked through once.
 */

import type { Cluster, Redis } from "ioredis";

import { runScript } from "../redis/run-script.ts";
import type { Script } from "../redis/run-script.ts";
import { KEPT_FAILURES_MS } from "./keys/durations.ts";
import { jobIdOf } from "./keys/keys.ts";
import type { QueueKeys } from "./keys/keys.ts";

/**
 * KEYS: a list of job ids. ARGV: what the keys of jobs begin with, what the ids of the map's jobs begin with, where to
 * begin, how many ids to look at. Gives how many there were, and how many of them were removed.
 */
const REMOVE_LISTED: Script = {
  lua: `
local ids = redis.call('LRANGE', KEYS[1], ARGV[3], ARGV[3] + ARGV[4] - 1)
local removed = 0
for i, id in ipairs(ids) do
  if string.sub(id, 1, #ARGV[2]) == ARGV[2] and string.match(id, '^%d+$', #ARGV[2] + 1) then
    -- First, since a full Redis refuses an LSET, unless the script has changed something before.
    redis.call('UNLINK', ARGV[1] .. id, ARGV[1] .. id .. ':logs')
    redis.call('LSET', KEYS[1], ARGV[3] + i - 1, '')
    removed = removed + 1
  end
end
-- From the head on, and no further than to the last of them.
if removed > 0 then redis.call('LREM', KEYS[1], removed, '') end
return {#ids, removed}`,
};

/** KEYS: prioritized, delayed, limited. ARGV: as above, then indices. Gives how many were removed. */
const REMOVE_SORTED: Script = {
  lua: `
local removed = 0
for i = 3, #ARGV do
  local id = ARGV[2] .. ARGV[i]
  if redis.call('ZREM', KEYS[1], id) + redis.call('ZREM', KEYS[2], id) > 0 then
    redis.call('UNLINK', ARGV[1] .. id, ARGV[1] .. id .. ':logs')
    redis.call('ZREM', KEYS[3], id)
    removed = removed + 1
  end
end
return removed`,
};

/**
 * KEYS: stage, turns, accounts. ARGV: what the keys of jobs begin with, map id, how many jobs to remove. Gives how many were
 * removed.
 */
const REMOVE_STAGED: Script = {
  lua: `
local ids = redis.call('LRANGE', KEYS[1], 0, ARGV[3] - 1)
for _, id in ipairs(ids) do redis.call('UNLINK', ARGV[1] .. id, ARGV[1] .. id .. ':logs') end
redis.call('LTRIM', KEYS[1], #ids, -1)
if redis.call('LLEN', KEYS[1]) == 0 then
  redis.call('ZREM', KEYS[2], ARGV[2])
  redis.call('HDEL', KEYS[3], ARGV[2])
end
return #ids`,
};

/** KEYS: a list of job ids, which says where the queue is. ARGV: what the keys of jobs begin with, a time in ms, job ids. */
const EXPIRE: Script = {
  lua: `for i = 3, #ARGV do redis.call('PEXPIRE', ARGV[1] .. ARGV[i], ARGV[2]) end`,
};

/** Jobs that one script looks at, which keeps Redis from everything else for about a millisecond. */
const AT_ONCE = 500;

/**
 * Removes those of a map's jobs that wait for a worker, for their turn or for another attempt, and gives their number. Those
 * that run stay.
 *
 * @param indices - first indices of jobs that may be under way
 */
export async function removeWaiting(
  redis: Redis | Cluster,
  keys: QueueKeys,
  mapId: string,
  indices: readonly number[],
): Promise<number> {
  const prefixes = [keys.job(""), jobIdOf(mapId, 0).slice(0, -1)];
  const sets = [keys.job("prioritized"), keys.job("delayed"), keys.limited];
  let all = 0;
  for (let start = 0; start < indices.length; start += AT_ONCE) {
    const some = indices.slice(start, start + AT_ONCE);
    all += Number(await runScript(redis, REMOVE_SORTED, sets, [...prefixes, ...some]));
  }
  all += await removeStaged(redis, keys, mapId);
  for (const list of [keys.job("wait"), keys.job("paused")]) {
    // Look again until a pass removes nothing: while another map is removed as well, ids move up and can be skipped.
    for (let removed = 1; removed > 0; all += removed) removed = await removeListed(redis, list, prefixes);
  }
  return all;
}

/** Removes those of a map's jobs that are staged, and gives their number. */
export async function removeStaged(redis: Redis | Cluster, keys: QueueKeys, mapId: string): Promise<number> {
  const places = [keys.stage(mapId), keys.turns, keys.accounts];
  let all = 0;
  for (;;) {
    const removed = Number(await runScript(redis, REMOVE_STAGED, places, [keys.job(""), mapId, AT_ONCE]));
    all += removed;
    if (removed < AT_ONCE) return all;
  }
}

/**
 * Lets the jobs of an ended map that a machine still runs expire after a day. Usually that machine removes them; if it
 * dies, the next one that fetches them does. But if somebody deletes BullMQ's list of active jobs, nothing else would
 * ever remove them.
 */
export async function expireJobs(
  redis: Redis | Cluster,
  keys: QueueKeys,
  ids: readonly string[],
): Promise<void> {
  for (let start = 0; start < ids.length; start += AT_ONCE) {
    const args = [keys.job(""), KEPT_FAILURES_MS, ...ids.slice(start, start + AT_ONCE)];
    await runScript(redis, EXPIRE, [keys.job("wait")], args);
  }
}

/**
 * Lets the stages of maps of which nobody knows expire after a day. Their jobs are only fetched as long as the maps have
 * turns, which somebody may have deleted.
 */
export async function expireStages(
  redis: Redis | Cluster,
  keys: QueueKeys,
  mapIds: Iterable<string>,
): Promise<void> {
  await Promise.all(Array.from(mapIds, (id) => redis.pexpire(keys.stage(id), KEPT_FAILURES_MS)));
}

/** Looks through a list once, from its head, where new ids are added. Gives how many were removed. */
async function removeListed(
  redis: Redis | Cluster,
  list: string,
  prefixes: readonly string[],
): Promise<number> {
  let all = 0;
  for (let start = 0; ;) {
    const args = [...prefixes, start, AT_ONCE];
    const [seen, removed] = (await runScript(redis, REMOVE_LISTED, [list], args)) as [number, number];
    all += removed;
    if (seen < AT_ONCE) return all;
    start += seen - removed;
  }
}
