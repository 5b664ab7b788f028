/** The script that fetches plain jobs, and how others fetch them too: see `plain-jobs.ts`. */

import { spillStages, takeTurns } from "../store/keys/turns.ts";
import { waitForJob } from "./hand-over.ts";

import type { Script } from "../redis/run-script.ts";

/** Jobs in one script. This many keep Redis from everything else for about a millisecond. */
export const AT_ONCE = 100;

/**
 * A script stops fetching once its jobs have this many bytes. A server with a small limit for replies would close the
 * connection, and the jobs would be active with nobody to run them.
 */
export const FETCH_BYTES: number = 256 * 1024;

const TURN_KEYS = { wait: "KEYS[1]", active: "KEYS[2]", turns: "KEYS[10]", accounts: "KEYS[11]" };

/**
 * Lua for scripts that fetch. KEYS: wait, active, meta, marker, events, prioritized, delayed, stalled, pc, turns, accounts,
 * idle. ARGV: prefix of job keys, time, how long a lock lasts in ms, name of the worker. If the queue is not plain, `isPlain` is
 * false, and nothing may be fetched.
 *
 * Jobs with a priority go before those without one. BullMQ's own scripts have it the other way round.
 *
 * Of a job that `ADD` made and nobody fetched before, only the fields that differ from job to job are given (see
 * `FetchReader`), because each field costs time in Redis and in the worker.
 */
export const FETCHING: string = `
local meta = redis.call('HMGET', KEYS[3], 'paused', 'concurrency', 'max', 'opts.maxLenEvents')
local turns = redis.call('EXISTS', KEYS[10]) == 1
if turns and not meta[1] and (meta[2] or meta[3]) then
  ${spillStages(TURN_KEYS, "ARGV[1]")}
  spill()
end
local urgent = redis.call('ZCARD', KEYS[6])
local delayed = redis.call('ZRANGE', KEYS[7], 0, 0, 'WITHSCORES')
local nextDelayed = delayed[2] and tonumber(delayed[2]) / 0x1000
local isPlain = not (meta[1] or meta[2] or meta[3] or (nextDelayed and nextDelayed < ARGV[2] + 1))

local call, prefix, now, lasts = redis.call, ARGV[1], ARGV[2], ARGV[3]
-- \`told\`: what the last plain job has in common with others, as it was added to \`replies\`.
local fetched, replies, told = false, {}, nil
local takeTurn, endTurns
if turns and isPlain then
  ${takeTurns(TURN_KEYS, "ARGV[1]")}
end
-- Moves up to so many jobs to the active ones, and gives their ids: one at a time where they are not all of one list.
local function take(count)
  if urgent > 0 then
    local id = redis.call('ZPOPMIN', KEYS[6])[1]
    urgent = urgent - 1
    -- As BullMQ does: the order within a priority begins anew.
    if urgent == 0 then redis.call('DEL', KEYS[9]) end
    redis.call('LPUSH', KEYS[2], id)
    return {id}
  end
  if turns or count == 1 then
    local id
    if turns then id = takeTurn() else id = redis.call('RPOPLPUSH', KEYS[1], KEYS[2]) end
    return {id or nil}
  end
  local ids = redis.call('LRANGE', KEYS[1], -count, -1)
  if #ids == 0 then return ids end
  for i = 1, #ids / 2 do ids[i], ids[#ids + 1 - i] = ids[#ids + 1 - i], ids[i] end
  -- First the step that a Redis without memory refuses.
  redis.call('LPUSH', KEYS[2], unpack(ids))
  redis.call('LTRIM', KEYS[1], 0, -1 - #ids)
  return ids
end
-- Undoes what \`take\` did with the ids from this place on, of those that were taken from BullMQ's list together.
local function putBack(ids, from)
  for i = #ids, from, -1 do
    redis.call('LREM', KEYS[2], 1, ids[i])
    redis.call('RPUSH', KEYS[1], ids[i])
  end
end
-- Locks a job, and adds to \`replies\` what \`FetchReader\` reads for it. Gives the number of its bytes; nothing for one whose data
-- vanished.
local function lock(id, token)
  local key = prefix .. id
  -- If a job has six fields, and all but one have the values of the last job in the same places, the other one is its data. Names
  -- are not asked for, because they cost as much as values.
  if told and told.isOrdered then
    local values = call('HVALS', key)
    if #values == 6 and values[3] == told.options .. id .. '"}' and values[4] == told.timestamp and values[1] == told.name
      and values[5] == '0' and values[6] == told.priority then
      call('SET', key .. ':lock', token, 'PX', lasts)
      call('HSET', key, 'processedOn', now)
      fetched = true
      local n = #replies
      replies[n + 1], replies[n + 2] = id, values[2]
      return #values[2]
    end
  end
  local all, job = call('HGETALL', key), {}
  for i = 1, #all, 2 do job[all[i]] = all[i + 1] end
  local name, data, opts, timestamp, priority = job.name, job.data, job.opts, job.timestamp, job.priority
  if not name and not data then
    -- What is written below, or was by a script that found it stalled, would make a damaged job of it, which is never
    -- found missing.
    call('DEL', key)
    call('LREM', KEYS[2], 1, id)
    return
  end
  call('SET', key .. ':lock', token, 'PX', lasts)
  fetched = true
  local n = #replies
  if #all == 12 and name and data and opts and timestamp and priority and job.delay == '0' then
    call('HSET', key, 'processedOn', now)
    local own = '"jobId":"' .. id .. '"}'
    local options = string.sub(opts, -#own) == own and string.sub(opts, 1, -#id - 3)
    if not (told and options and name == told.name and options == told.options and timestamp == told.timestamp
      and priority == told.priority) then
      -- Redis keeps a job of which some value is long in a table, where fields have no order.
      local isOrdered = all[1] == 'name' and all[3] == 'data' and all[5] == 'opts' and all[7] == 'timestamp' and all[9] == 'delay'
      told = {name = name, options = options, timestamp = timestamp, priority = priority, isOrdered = options and isOrdered}
      n = n + 1
      replies[n] = {name, options and options .. '"}' or opts, timestamp, priority}
    end
    replies[n + 1], replies[n + 2] = id, data
    return #data
  end
  call('HSET', key, 'processedOn', now, 'pb', ARGV[4])
  -- Its first fetch was not counted, if it was here.
  call('HINCRBY', key, 'ats', job.processedOn and not job.ats and 2 or 1)
  replies[n + 1] = {call('HGETALL', key), id, 0, 0}
  return #(data or '')
end
-- Fetches up to so many jobs, until they have so many bytes. Gives how many, and whether there are no more.
local function fetch(count, most, tokenOf)
  local jobs, bytes = 0, 0
  while jobs < count and bytes < most do
    local ids = take(count - jobs)
    if #ids == 0 then return jobs, true end
    local i = 0
    local ok, problem = pcall(function()
      while i < #ids and bytes < most do
        i = i + 1
        local size = lock(ids[i], tokenOf(jobs + 1))
        if size then
          jobs = jobs + 1
          bytes = bytes + size
        end
      end
    end)
    putBack(ids, i + 1)
    if not ok then
      -- A damaged job. The others are fetched first.
      if jobs == 0 then error(problem, 0) end
      return jobs, false
    end
  end
  return jobs, false
end
${waitForJob("KEYS[12]")}
local function finish()
  if not isPlain then return replies end
  local waits = turns and endTurns() or urgent > 0 or redis.call('LLEN', KEYS[1]) > 0
  -- Others are woken only if there is something left for them. A marker that is left behind would wake machine after machine,
  -- and the same one again and again if it has no place and puts the marker back.
  if not waits then redis.call('ZREM', KEYS[4], '0')
  elseif fetched then redis.call('ZADD', KEYS[4], 0, '0') end
  redis.call('XTRIM', KEYS[5], 'MAXLEN', '~', meta[4] or 10000)
  return replies
end`;

/**
 * ARGV, further: a token, how many jobs at most, how many bytes they may have; how the machine is named in `idle`, or "", and 1
 * if it has no other job in hand. Gives 0 if the queue is not plain. Else gives 1 if no job is left, not even a delayed one, or 0;
 * then the jobs, as `FetchReader` reads them.
 */
export const FETCH: Script = {
  lua: `${FETCHING}
if not isPlain then return 0 end
replies[1] = 0
local jobs, isEmpty = fetch(tonumber(ARGV[6]), tonumber(ARGV[7]), function() return ARGV[5] end)
isEmpty = isEmpty and not nextDelayed
if ARGV[8] ~= '' then
  if jobs > 0 then redis.pcall('ZREM', KEYS[12], ARGV[8])
  elseif isEmpty and ARGV[9] == '1' then waitForJob(ARGV[8], ARGV[2], false) end
end
if isEmpty then replies[1] = 1 end
return finish()`,
};
