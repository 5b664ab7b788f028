/**
 * Puts jobs that a worker hands back where they came from: to the front of what waits, in the order of their items.
 *
 * A worker hands back many jobs at a time, one by one, and BullMQ puts each in front of those before: they would begin in
 * the opposite order. Of jobs with a priority, it gives all the same place in line, so that they would begin in the order
 * of their names: `m-10` before `m-9`. And it knows nothing of the stages of maps that share a queue (`turns.ts`).
 */

import type { RedisQueueBackend } from "bullmq";
import type { Cluster, Redis } from "ioredis";

import { runScript } from "../redis/run-script.ts";
import type { Script } from "../redis/run-script.ts";
import { REFUND_TURN } from "../store/keys/turns.ts";

/** A job that is handed back is put behind at most so many earlier ones of its map. */
const MAX_PASSED = 256;

/**
 * KEYS: active, wait, stalled, meta, prioritized, marker, turns, accounts. ARGV: prefix of job keys, job id, token of its lock.
 * Gives 0, or the code of a problem as BullMQ's scripts do.
 *
 * In the sorted set of jobs with a priority, a job's score is its priority times 2^32, plus its place in line. A job that is
 * handed back gets the lowest score of its priority, less one. That may fall below the priority's range of scores: BullMQ's
 * tools then count the job to the next more urgent priority, but it is still served after all jobs of that one.
 */
const HAND_BACK: Script = {
  lua: `${REFUND_TURN}
local id, key = ARGV[2], ARGV[1] .. ARGV[2]
local priority = tonumber(redis.call('HGET', key, 'priority') or redis.call('EXISTS', key) == 1 and 0)
if not priority then return -1 end
local holder = redis.call('GET', key .. ':lock')
if holder ~= ARGV[3] then return holder and -6 or -2 end
-- After a first step that needs no memory, a Redis without memory refuses none of the others.
redis.call('DEL', key .. ':lock')
redis.call('SREM', KEYS[3], id)
if redis.call('LREM', KEYS[1], 1, id) == 0 then return 0 end

local map, at = string.match(id, '^(.+)%-(%d+)$')
-- Whether a job that waits in front is an earlier one of the same map.
local function isEarlier(other)
  local otherMap, otherAt = string.match(other, '^(.+)%-(%d+)$')
  return otherMap == map and tonumber(otherAt) < tonumber(at)
end
local meta = redis.call('HMGET', KEYS[4], 'paused', 'concurrency', 'max')
if priority > 0 then
  local least = priority * 0x100000000
  local front = redis.call('ZRANGEBYSCORE', KEYS[5], least - 0x10000, least + 0xffffffff, 'WITHSCORES', 'LIMIT', 0, ${MAX_PASSED})
  local place = (front[2] or least + 1) - 1
  for i = 1, #front, 2 do
    if not map or not isEarlier(front[i]) then break end
    redis.call('ZADD', KEYS[5], front[i + 1] - 1, front[i])
    place = front[i + 1]
  end
  redis.call('ZADD', KEYS[5], place, id)
else
  if redis.call('EXISTS', KEYS[7]) == 1 then refundTurn(KEYS[7], KEYS[8], id, false) end
  local isStaged = map and not (meta[2] or meta[3]) and redis.call('ZSCORE', KEYS[7], map)
  local list = isStaged and ARGV[1] .. 'map:' .. map .. ':stage' or KEYS[2]
  local passed, front = {}, map and redis.call('LRANGE', list, -${MAX_PASSED}, -1) or {}
  for i = #front, 1, -1 do
    if not isEarlier(front[i]) then break end
    passed[#passed + 1] = redis.call('RPOP', list)
  end
  redis.call('RPUSH', list, id)
  for i = #passed, 1, -1 do redis.call('RPUSH', list, passed[i]) end
end
local isFull = meta[2] and redis.call('LLEN', KEYS[1]) >= tonumber(meta[2])
if not meta[1] and not isFull then redis.call('ZADD', KEYS[6], 0, '0') end
return 0`,
};

const NAMES = ["active", "wait", "stalled", "meta", "prioritized", "marker", "turns", "accounts"];

/** Lets a worker's backend hand back its jobs to where they came from. */
export function handBackInOrder(backend: RedisQueueBackend, redis: Redis | Cluster): void {
  const keys = NAMES.map((name) => backend.toKey(name));
  backend.moveJobFromActiveToWait = async (jobId, token = "0") => {
    const code = Number(await runScript(redis, HAND_BACK, keys, [backend.toKey(""), jobId, token]));
    if (code === 0) return 0;
    throw backend.finishedErrors({ code, jobId, command: "moveJobFromActiveToWait", state: "active" });
  };
}
