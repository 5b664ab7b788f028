/** The scripts of the short way for plain jobs: see `plain-jobs.ts`. */

import { ENTER_TURNS, spillStages, takeTurns } from "../store/keys/turns.ts";

import { DONE_BITS } from "../store/keys/done-bits.ts";
import type { Script } from "../redis/run-script.ts";

/**
 * A script stops fetching once its jobs have this many bytes. A server with a small limit for replies would close the
 * connection, and the jobs would be active with nobody to run them.
 */
export const FETCH_BYTES: number = 256 * 1024;

/**
 * KEYS: wait, active, meta, marker, events, prioritized, pc, turns, accounts. ARGV: prefix of job keys, how many jobs of a
 * map that is alone may be in BullMQ's list, or "inf"; for each job its id, name, data, options, time, priority. Gives 0 if
 * the queue is not plain: then nothing was added.
 *
 * The jobs of a map that is alone go into BullMQ's list, those of others to their stages (see `turns.ts`).
 */
export const ADD: Script = {
  lua: `${DONE_BITS}
local meta = redis.call('HMGET', KEYS[3], 'paused', 'concurrency', 'opts.maxLenEvents')
if meta[2] or (meta[1] and ARGV[2] == 'inf') then return 0 end
${ENTER_TURNS}
-- Gives the map whose stage the jobs go to, or nil.
local function stagedFor(ids)
  local map = string.match(ids[1], '^(.+)%-%d+$')
  if not map then return nil end
  -- Another map's id may begin with this one's.
  local function isOwn(id) return id and string.match(id, '^(.+)%-%d+$') == map end
  local newest = redis.call('LINDEX', KEYS[1], 0)
  local isAlone = isOwn(newest) or (not newest and redis.call('EXISTS', KEYS[8]) == 0)
  if isAlone and ARGV[2] == 'inf' then return nil end
  for _, id in ipairs(ids) do
    if not isOwn(id) then return nil end
  end
  local stage = ARGV[1] .. 'map:' .. map .. ':stage'
  if isAlone and redis.call('EXISTS', stage) == 0 then
    local count = redis.call('LLEN', KEYS[1])
    if count + #ids <= tonumber(ARGV[2]) then return nil end
    -- The first jobs of a map that turns out to be a large one.
    if isOwn(redis.call('LINDEX', KEYS[1], -1)) then
      for _ = 1, count do
        local id = redis.call('RPOP', KEYS[1])
        redis.call('LPUSH', isOwn(id) and stage or KEYS[1], id)
      end
    end
  end
  return map
end
local function hasOutcome(id)
  local map, at = string.match(id, '^(.+)%-(%d+)$')
  if not map then return false end
  -- Something else may have taken the key.
  local isBitmap, done = pcall(isDone, ARGV[1] .. 'map:' .. map .. ':done', at)
  return isBitmap and done
end
-- If the connection breaks before the reply arrives, the producer sends these jobs again. Workers may have done some meanwhile.
local again = redis.call('EXISTS', ARGV[1] .. ARGV[3]) == 1 or hasOutcome(ARGV[3])
local added, urgent = {}, false
for i = 3, #ARGV, 6 do
  local key = ARGV[1] .. ARGV[i]
  if redis.call('EXISTS', key) == 0 and not (again and hasOutcome(ARGV[i])) then
    redis.call('HMSET', key, 'name', ARGV[i + 1], 'data', ARGV[i + 2], 'opts', ARGV[i + 3], 'timestamp', ARGV[i + 4],
      'delay', 0, 'priority', ARGV[i + 5])
    if ARGV[i + 5] == '0' then
      added[#added + 1] = ARGV[i]
    else
      urgent = true
      redis.call('ZADD', KEYS[6], ARGV[i + 5] * 0x100000000 + redis.call('INCR', KEYS[7]) % 0x100000000, ARGV[i])
    end
  end
end
if #added > 0 then
  local map = stagedFor(added)
  if map then enter(KEYS[8], KEYS[9], map) end
  redis.call('LPUSH', map and ARGV[1] .. 'map:' .. map .. ':stage' or KEYS[1], unpack(added))
end
if not meta[1] and (#added > 0 or urgent) then redis.call('ZADD', KEYS[4], 0, '0') end
-- What BullMQ's own scripts, which trim it too, say of jobs that are fetched or retried.
redis.call('XTRIM', KEYS[5], 'MAXLEN', '~', meta[3] or 10000)
return 1`,
};

const TURN_KEYS = { wait: "KEYS[1]", active: "KEYS[2]", turns: "KEYS[10]", accounts: "KEYS[11]" };

/**
 * KEYS: wait, active, meta, marker, events, prioritized, delayed, stalled, pc, turns, accounts. ARGV: prefix of job
 * keys, time, how long a lock lasts in ms, name of the worker. Gives 0 if the queue is not plain: then nothing was fetched.
 *
 * Jobs with a priority go before those without one. BullMQ's own scripts have it the other way round.
 *
 * Of a job that `ADD` made and nobody fetched before, only the fields that differ from job to job are read (see
 * `withStoredJob`), because each field costs time in Redis and in the worker.
 */
const FETCHING = `
local meta = redis.call('HMGET', KEYS[3], 'paused', 'concurrency', 'max', 'opts.maxLenEvents')
local turns = redis.call('EXISTS', KEYS[10]) == 1
if turns and not meta[1] and (meta[2] or meta[3]) then
  ${spillStages(TURN_KEYS, "ARGV[1]")}
  spill()
end
if meta[1] or meta[2] or meta[3] then return 0 end
local urgent = redis.call('ZCARD', KEYS[6])
local delayed = redis.call('ZRANGE', KEYS[7], 0, 0, 'WITHSCORES')
local nextDelayed = delayed[2] and tonumber(delayed[2]) / 0x1000
if nextDelayed and nextDelayed < ARGV[2] + 1 then return 0 end

local fetched = false
local takeTurn, endTurns
if turns then
  ${takeTurns(TURN_KEYS, "ARGV[1]")}
end
local function take()
  if urgent == 0 and turns then return takeTurn() end
  if urgent == 0 then return redis.call('RPOPLPUSH', KEYS[1], KEYS[2]) end
  local id = redis.call('ZPOPMIN', KEYS[6])[1]
  urgent = urgent - 1
  -- As BullMQ does: the order within a priority begins anew.
  if urgent == 0 then redis.call('DEL', KEYS[9]) end
  redis.call('LPUSH', KEYS[2], id)
  return id
end
local function fetch(token)
  local id = take()
  if not id then return {0, 0, 0, nextDelayed or 0} end
  local key = ARGV[1] .. id
  local job = redis.call('HMGET', key, 'name', 'data', 'opts', 'timestamp', 'priority', 'delay', 'ats', 'atm', 'attemptsMade',
    'stc', 'defa', 'rjk', 'deid', 'parentKey', 'parent', 'stacktrace')
  if not job[1] and not job[2] then
    -- Its data vanished. What is written below, or was by a script that found it stalled, would make a damaged job of it,
    -- which is never found missing.
    redis.call('DEL', key)
    redis.call('LREM', KEYS[2], 1, id)
    return fetch(token)
  end
  redis.call('SET', key .. ':lock', token, 'PX', ARGV[3])
  fetched = true
  local isNew = job[6] == '0'
  for i = 1, 5 do isNew = isNew and job[i] end
  for i = 7, 16 do isNew = isNew and not job[i] end
  if isNew then
    redis.call('HSET', key, 'processedOn', ARGV[2], 'pb', ARGV[4], 'ats', 1)
    return {{1, job[1], job[2], job[3], job[4], job[5]}, id, 0, 0, #job[2]}
  end
  redis.call('HSET', key, 'processedOn', ARGV[2], 'pb', ARGV[4])
  redis.call('HINCRBY', key, 'ats', 1)
  return {redis.call('HGETALL', key), id, 0, 0, redis.call('HSTRLEN', key, 'data')}
end
local function finish(replies)
  local waits = turns and endTurns()
  -- Others are woken only if there is something left for them.
  if fetched and (waits or urgent > 0 or redis.call('LLEN', KEYS[1]) > 0) then redis.call('ZADD', KEYS[4], 0, '0') end
  redis.call('XTRIM', KEYS[5], 'MAXLEN', '~', meta[4] or 10000)
  return replies
end`;

/**
 * ARGV, further: a token, how many jobs at most, how many bytes they may have. Gives 1 if no job is left, not even a
 * delayed one, else 0; then, for each job, what BullMQ's script gives.
 */
export const FETCH: Script = {
  lua: `${FETCHING}
local replies, bytes = {0}, 0
while #replies <= tonumber(ARGV[6]) and bytes < tonumber(ARGV[7]) do
  local reply = fetch(ARGV[5])
  if reply[2] == 0 then
    if not nextDelayed then replies[1] = 1 end
    break
  end
  bytes = bytes + table.remove(reply)
  replies[#replies + 1] = reply
end
return finish(replies)`,
};

/**
 * ARGV, further: for each job its id, its token, and 1 if another one is to be fetched in its place. Gives for each job
 * what BullMQ's script gives, or -100 if this one is not plain: then nothing was done with it.
 */
export const COMPLETE: Script = {
  lua: `${FETCHING}
local gone, bytes = {}, 0
local function complete(id, token, another)
  local key = ARGV[1] .. id
  local job = redis.call('HMGET', key, 'name', 'parentKey', 'deid')
  if not job[1] then return -1 end
  if job[2] or job[3] then return -100 end
  local lock = redis.call('GET', key .. ':lock')
  if lock ~= token then return lock and -6 or -2 end
  if redis.call('LREM', KEYS[2], -1, id) == 0 then return -3 end
  redis.call('DEL', key, key .. ':lock', key .. ':logs')
  gone[#gone + 1] = id
  if another ~= '1' or bytes >= ${FETCH_BYTES} then return 0 end
  local reply = fetch(token)
  bytes = bytes + (reply[5] or 0)
  return reply
end

local replies = {}
for i = 5, #ARGV, 3 do
  local ok, reply = pcall(complete, ARGV[i], ARGV[i + 1], ARGV[i + 2])
  if not ok then
    -- A damaged job is its own trouble; what keeps the first from being written keeps all.
    local text = type(reply) == 'table' and reply.err or reply
    if i == 5 then return redis.error_reply(string.match(text, '%-(%u%u+ .*)') or text) end
    reply = -100
  end
  replies[#replies + 1] = reply
end
if #gone > 0 then redis.call('SREM', KEYS[8], unpack(gone)) end
return finish(replies)`,
};

/** What the scripts above give for a job that they fetched, or zeros if there was none. */
export type FetchReply = [
  job: StoredJob | NewJob | 0,
  id: string | 0,
  limitDelay: number,
  delayUntil: number,
];

/** All fields of a job, with their names. */
type StoredJob = string[];

/** The fields that differ from job to job, of a job that was added and never fetched before. */
type NewJob = [isNew: 1, name: string, data: string, opts: string, timestamp: string, priority: string];

/**
 * Puts all fields of the job into a reply, with their names, as BullMQ's own scripts have them.
 *
 * @param fetched - the fields that the script wrote when it fetched the job
 */
export function withStoredJob(
  reply: FetchReply,
  { nowMs, worker }: { readonly nowMs: number; readonly worker: string },
): unknown[] {
  const [job, ...rest] = reply;
  if (job === 0 || job[0] !== 1) return reply;
  const [, name, data, opts, timestamp, priority] = job as NewJob;
  const added = ["name", name, "data", data, "opts", opts, "timestamp", timestamp, "priority", priority];
  return [[...added, "delay", "0", "processedOn", String(nowMs), "pb", worker, "ats", "1"], ...rest];
}
