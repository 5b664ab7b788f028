/**
 * Changes the priority of a map while it runs: that of its waiting jobs, and, through its producer, that of further ones.
 */

import type { Cluster, Redis } from "ioredis";

import { runScript } from "../redis/run-script.ts";
import type { Script } from "../redis/run-script.ts";
import { jobIdOf } from "./keys/keys.ts";
import type { QueueKeys } from "./keys/keys.ts";
import { ENTER_TURNS } from "./keys/turns.ts";
import type { ControlMessage } from "../wire-control.ts";
import { toJson } from "../values/to-json.ts";

/**
 * KEYS: wait, prioritized, pc, marker, meta, stage, turns, accounts. ARGV: prefix of job keys, priority or 0, map id, then ids
 * of jobs, in their order. Those that are to have no priority wait on the stage of their map (see `turns.ts`). A job that has been fetched since, or waits for another attempt, has its priority the next time.
 *
 * The job's options stay as they are: where jobs are signed, they are covered by the signature.
 */
const SET_PRIORITY: Script = {
  lua: `
${ENTER_TURNS}
local moved = false
for i = 4, #ARGV do
  local id, key = ARGV[i], ARGV[1] .. ARGV[i]
  if redis.call('EXISTS', key) == 1 then
    redis.call('HSET', key, 'priority', ARGV[2])
    if redis.call('ZREM', KEYS[2], id) == 1 or redis.call('LREM', KEYS[6], -1, id) == 1 or redis.call('LREM', KEYS[1], -1, id) == 1 then
      moved = true
      if ARGV[2] == '0' then redis.call('LPUSH', KEYS[6], id)
      else redis.call('ZADD', KEYS[2], ARGV[2] * 0x100000000 + redis.call('INCR', KEYS[3]) % 0x100000000, id) end
    end
  end
end
if redis.call('LLEN', KEYS[6]) > 0 then enter(KEYS[7], KEYS[8], ARGV[3])
else redis.call('ZREM', KEYS[7], ARGV[3]) end
if moved and redis.call('HEXISTS', KEYS[5], 'paused') == 0 then redis.call('ZADD', KEYS[4], 0, '0') end
return 1`,
};

/** KEYS: done, out. ARGV: message. Gives 0 if the map is not open. */
const TELL: Script = {
  lua: `
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('XADD', KEYS[2], '*', 'priority', ARGV[1])
redis.call('PEXPIRE', KEYS[2], redis.call('PTTL', KEYS[1]))
return 1`,
};

/** Ids that are read at a time. */
const PAGE = 10_000;

/** Jobs that are moved in one script: each is looked for in the whole list. */
const AT_ONCE = 50;

/** Tells the producer of a map which priority its further jobs get. */
export async function tellPriority(
  redis: Redis | Cluster,
  keys: QueueKeys,
  mapId: string,
  message: ControlMessage,
): Promise<void> {
  await runScript(redis, TELL, [keys.done(mapId), keys.out(mapId)], [toJson(message)]);
}

/** Gives the waiting jobs of a map another priority, or none. */
export async function prioritizeWaiting(
  redis: Redis | Cluster,
  keys: QueueKeys,
  mapId: string,
  priority: number | undefined,
): Promise<void> {
  const ids = await waitingIds(redis, keys, mapId);
  const bull = ["wait", "prioritized", "pc", "marker", "meta"].map((name) => keys.job(name));
  const places = [...bull, keys.stage(mapId), keys.turns, keys.accounts];
  for (let start = 0; start < ids.length; start += AT_ONCE) {
    const args = [keys.job(""), priority ?? 0, mapId, ...ids.slice(start, start + AT_ONCE)];
    await runScript(redis, SET_PRIORITY, places, args);
  }
}

/** Ids of the waiting jobs, in the order in which they would be fetched. */
async function waitingIds(redis: Redis | Cluster, keys: QueueKeys, mapId: string): Promise<string[]> {
  const idPrefix = jobIdOf(mapId, 0).slice(0, -1);
  const [wait, prioritized, delayed] = ["wait", "prioritized", "delayed"].map((name) => keys.job(name)) as [
    string,
    string,
    string,
  ];
  // New ids are added at the head of a list. Reading from the head on therefore misses no waiting job.
  const staged = await inPages((from, to) => redis.lrange(keys.stage(mapId), from, to), idPrefix);
  const listed = await inPages((from, to) => redis.lrange(wait, from, to), idPrefix);
  const sorted = await inPages((from, to) => redis.zrange(prioritized, String(from), String(to)), idPrefix);
  const late = await inPages((from, to) => redis.zrange(delayed, String(from), String(to)), idPrefix);
  return [...new Set([...sorted, ...listed.toReversed(), ...staged.toReversed(), ...late])];
}

async function inPages(
  read: (from: number, to: number) => Promise<string[]>,
  idPrefix: string,
): Promise<string[]> {
  const found: string[] = [];
  for (let start = 0; ; start += PAGE) {
    const ids = await read(start, start + PAGE - 1);
    for (const id of ids) {
      if (id.startsWith(idPrefix) && /^\d+$/.test(id.slice(idPrefix.length))) found.push(id);
    }
    if (ids.length < PAGE) return found;
  }
}
