/**
 * Puts jobs that a worker hands back where they came from: to the front of what waits, in the order of their items.
 *
 * BullMQ does so job by job, and puts each in front of those before. Of jobs with a priority, it gives all the same place in
 * line, so that they would begin in the order of their names: `m-10` before `m-9`. And it knows nothing of the stages of maps
 * that share a queue (`turns.ts`).
 *
 * A worker whose processes get nothing done hands back hundreds of jobs in one turn of its event loop, on a computer that is
 * busy anyway. They go to Redis in one script. With a script for each job, which has to find its place among those before it,
 * Redis would need so long that locks expire meanwhile.
 */

import { setImmediate } from "node:timers";

import type { RedisQueueBackend } from "bullmq";
import type { Cluster, Redis } from "ioredis";

import { runScript } from "../redis/run-script.ts";
import type { Script } from "../redis/run-script.ts";
import { REFUND_TURN } from "../store/keys/turns.ts";

/** Jobs that are handed back are put behind at most so many earlier ones of their map. */
const MAX_PASSED = 256;

/** Jobs that one script hands back. */
const AT_ONCE = 512;

/**
 * KEYS: active, wait, stalled, meta, prioritized, marker, turns, accounts. ARGV: prefix of job keys, then id of a job and token
 * of its lock, for each job. Gives for each 0, or the code of a problem as BullMQ's scripts do.
 *
 * In the sorted set of jobs with a priority, a job's score is its priority times 2^32, plus its place in line. Jobs that are
 * handed back get the lowest scores of their priority, less one each. They may fall below the priority's range of scores: BullMQ's
 * tools then count a job to the next more urgent priority, but it is still served after all jobs of that one.
 */
const HAND_BACK: Script = {
  lua: `${REFUND_TURN}
local hasTurns = redis.call('EXISTS', KEYS[7]) == 1

-- Frees a job of its worker. Gives a code, and its priority if it is to be put back.
local function release(id, token)
  local key = ARGV[1] .. id
  local priority = tonumber(redis.call('HGET', key, 'priority') or redis.call('EXISTS', key) == 1 and 0)
  if not priority then return -1 end
  local holder = redis.call('GET', key .. ':lock')
  if holder ~= token then return holder and -6 or -2 end
  -- After a first step that needs no memory, a Redis without memory refuses none of the others.
  redis.call('DEL', key .. ':lock')
  redis.call('SREM', KEYS[3], id)
  if redis.call('LREM', KEYS[1], 1, id) == 0 then return 0 end
  if priority == 0 and hasTurns then refundTurn(KEYS[7], KEYS[8], id, false) end
  return 0, priority
end

-- Jobs that are to be put back together: those of a map with the same priority. Others are alone.
local codes, groups, names = {}, {}, {}
for i = 2, #ARGV, 2 do
  local id = ARGV[i]
  local code, priority = release(id, ARGV[i + 1])
  codes[#codes + 1] = code
  if priority then
    local map, at = string.match(id, '^(.+)%-(%d+)$')
    local name = map and priority .. ' ' .. map or ' ' .. id
    local group = groups[name]
    if not group then
      group = {map = map, priority = priority, jobs = {}, last = -1}
      groups[name], names[#names + 1] = group, name
    end
    at = tonumber(at) or 0
    group.jobs[#group.jobs + 1] = {at, id}
    group.last = math.max(group.last, at)
  end
end

-- Adds a job that waits in front, if it is an earlier one of the group's map. Gives whether it is.
local function join(group, other)
  local map, at = string.match(other, '^(.+)%-(%d+)$')
  if not map or map ~= group.map or tonumber(at) >= group.last then return false end
  group.jobs[#group.jobs + 1] = {tonumber(at), other}
  return true
end

-- The ids of a group's jobs, the first one first.
local function inOrder(group)
  table.sort(group.jobs, function(a, b) return a[1] < b[1] end)
  local ids = {}
  for i, job in ipairs(group.jobs) do ids[i] = job[2] end
  return ids
end

local meta = redis.call('HMGET', KEYS[4], 'paused', 'concurrency', 'max')
for _, name in ipairs(names) do
  local group = groups[name]
  local map, priority = group.map, group.priority
  if priority > 0 then
    local least = priority * 0x100000000
    local front = redis.call('ZRANGEBYSCORE', KEYS[5], least - 0x10000, least + 0xffffffff, 'WITHSCORES', 'LIMIT', 0, ${MAX_PASSED})
    local place = (front[2] or least + 1) - 1
    for i = 1, #front, 2 do
      if not join(group, front[i]) then break end
      place = front[i + 1]
    end
    local ids = inOrder(group)
    for i, id in ipairs(ids) do redis.call('ZADD', KEYS[5], place - #ids + i, id) end
  else
    local isStaged = map and not (meta[2] or meta[3]) and redis.call('ZSCORE', KEYS[7], map)
    local list = isStaged and ARGV[1] .. 'map:' .. map .. ':stage' or KEYS[2]
    local front = map and redis.call('LRANGE', list, -${MAX_PASSED}, -1) or {}
    local passed = 0
    while passed < #front and join(group, front[#front - passed]) do passed = passed + 1 end
    if passed > 0 then redis.call('LTRIM', list, 0, -1 - passed) end
    local ids = inOrder(group)
    for i = #ids, 1, -1 do redis.call('RPUSH', list, ids[i]) end
  end
end
local isFull = meta[2] and redis.call('LLEN', KEYS[1]) >= tonumber(meta[2])
if #names > 0 and not meta[1] and not isFull then redis.call('ZADD', KEYS[6], 0, '0') end
return codes`,
};

const NAMES = ["active", "wait", "stalled", "meta", "prioritized", "marker", "turns", "accounts"];

interface HandedBack {
  readonly jobId: string;
  readonly token: string;
  readonly resolve: (code: number) => void;
  readonly reject: (error: unknown) => void;
}

/** Lets a worker's backend hand back its jobs to where they came from: all those of one turn of the event loop together. */
export function handBackInOrder(backend: RedisQueueBackend, redis: Redis | Cluster): void {
  const keys = NAMES.map((name) => backend.toKey(name));
  let waiting: HandedBack[] = [];

  async function send(jobs: readonly HandedBack[]): Promise<void> {
    try {
      const args = [backend.toKey(""), ...jobs.flatMap(({ jobId, token }) => [jobId, token])];
      const codes = (await runScript(redis, HAND_BACK, keys, args)) as number[];
      for (const [i, { resolve }] of jobs.entries()) resolve(Number(codes[i]));
    } catch (error) {
      for (const { reject } of jobs) reject(error);
    }
  }

  function sendAll(): void {
    const all = waiting;
    waiting = [];
    for (let start = 0; start < all.length; start += AT_ONCE) void send(all.slice(start, start + AT_ONCE));
  }

  backend.moveJobFromActiveToWait = async (jobId, token = "0") => {
    const code = await new Promise<number>((resolve, reject) => {
      if (waiting.push({ jobId, token, resolve, reject }) === 1) setImmediate(sendAll);
    });
    if (code === 0) return 0;
    throw backend.finishedErrors({ code, jobId, command: "moveJobFromActiveToWait", state: "active" });
  };
}
