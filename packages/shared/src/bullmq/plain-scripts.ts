/** The scripts of the short way for plain jobs: see `plain-jobs.ts`. */

import { spillStages, takeTurns } from "../store/keys/turns.ts";
import { publishingPlain } from "../store/publish-outcomes.ts";
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
const FETCHING = `
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

local fetched, last = false, {}
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
-- Gives what \`FetchReader\` reads for a job, and the number of its bytes; nothing for one whose data vanished.
local function lock(id, token)
  local key = ARGV[1] .. id
  local all = redis.call('HGETALL', key)
  local name, data, opts, timestamp, delay, priority = all[2], all[4], all[6], all[8], all[10], all[12]
  -- The fields that \`ADD\` wrote are in its order if Redis keeps the job in one piece of memory.
  local isOrdered = all[1] == 'name' and all[3] == 'data' and all[5] == 'opts' and all[7] == 'timestamp' and all[9] == 'delay'
    and all[11] == 'priority'
  local job
  if not isOrdered then
    job = {}
    for i = 1, #all, 2 do job[all[i]] = all[i + 1] end
    name, data, opts, timestamp, delay, priority = job.name, job.data, job.opts, job.timestamp, job.delay, job.priority
    if not name and not data then
      -- What is written below, or was by a script that found it stalled, would make a damaged job of it, which is never
      -- found missing.
      redis.call('DEL', key)
      redis.call('LREM', KEYS[2], 1, id)
      return
    end
  end
  redis.call('SET', key .. ':lock', token, 'PX', ARGV[3])
  fetched = true
  if #all == 12 and name and data and opts and timestamp and priority and delay == '0' then
    redis.call('HSET', key, 'processedOn', ARGV[2])
    local own = ',"jobId":"' .. id .. '"}'
    if string.sub(opts, -#own) == own then opts = string.sub(opts, 1, -#own - 1) .. '}' end
    if name == last.name and opts == last.opts and priority == last.priority then return {2, id, data, timestamp}, #data end
    last = {name = name, opts = opts, priority = priority}
    return {1, id, data, timestamp, name, opts, priority}, #data
  end
  if not job then
    job = {}
    for i = 1, #all, 2 do job[all[i]] = all[i + 1] end
  end
  redis.call('HSET', key, 'processedOn', ARGV[2], 'pb', ARGV[4])
  -- Its first fetch was not counted, if it was here.
  redis.call('HINCRBY', key, 'ats', job.processedOn and not job.ats and 2 or 1)
  return {redis.call('HGETALL', key), id, 0, 0}, #(data or '')
end
-- Fetches up to so many jobs, until they have so many bytes. Gives them, and whether there are no more.
local function fetch(count, most, tokenOf)
  local replies, bytes = {}, 0
  while #replies < count and bytes < most do
    local ids = take(count - #replies)
    if #ids == 0 then return replies, true end
    for i, id in ipairs(ids) do
      if bytes >= most then
        putBack(ids, i)
        break
      end
      local ok, reply, size = pcall(lock, id, tokenOf(#replies + 1))
      if not ok then
        -- A damaged job. The others are fetched first.
        putBack(ids, i + 1)
        if #replies == 0 then error(reply, 0) end
        return replies, false
      end
      if reply then
        replies[#replies + 1] = reply
        bytes = bytes + size
      end
    end
  end
  return replies, false
end
${waitForJob("KEYS[12]")}
local function finish(replies)
  if not isPlain then return replies end
  local waits = turns and endTurns()
  -- Others are woken only if there is something left for them.
  if fetched and (waits or urgent > 0 or redis.call('LLEN', KEYS[1]) > 0) then redis.call('ZADD', KEYS[4], 0, '0') end
  redis.call('XTRIM', KEYS[5], 'MAXLEN', '~', meta[4] or 10000)
  return replies
end`;

/**
 * ARGV, further: a token, how many jobs at most, how many bytes they may have; how the machine is named in `idle`, or "", and 1
 * if it has no other job in hand. Gives 0 if the queue is not plain. Else
 * gives 1 if no job is left, not even a delayed one, or 0; then, for each job, what BullMQ's script gives.
 */
export const FETCH: Script = {
  lua: `${FETCHING}
if not isPlain then return 0 end
local replies, isEmpty = fetch(tonumber(ARGV[6]), tonumber(ARGV[7]), function() return ARGV[5] end)
isEmpty = isEmpty and not nextDelayed
if ARGV[8] ~= '' then
  if #replies > 0 then redis.pcall('ZREM', KEYS[12], ARGV[8])
  elseif isEmpty and ARGV[9] == '1' then waitForJob(ARGV[8], ARGV[2], false) end
end
table.insert(replies, 1, isEmpty and 1 or 0)
return finish(replies)`,
};

/**
 * Completes jobs, after it has published their outcomes: a script is one step, so a job is never acknowledged whose outcome
 * is not in its map's stream. ARGV, further: how the machine is named in `idle`, if it has no other job in hand, or "". Jobs come
 * in groups of one map. For each group: the id of the map, its ttlMs, 1
 * if another job is to be fetched in place of each, the number of jobs; then for each job its first index, `RanText`, outcome,
 * and the token of its lock. A map without an id stands for jobs that have no outcome, and their ids stand for their first
 * indices.
 *
 * Gives for each group 1, or 0 if it is not wanted, or the words with which Redis refused an outcome; then, but not after these
 * words, for each job what BullMQ's script gives, or -100 if it is not plain: then it was not completed.
 */
export const COMPLETE: Script = {
  lua: `${publishingPlain({ width: 4, accounts: "KEYS[11]" })}
local function words(problem)
  local text = type(problem) == 'table' and problem.err or problem
  return string.match(text, '%-(%u%u+ .*)') or text
end
local all, ids, places, groups, start = {}, {}, {}, {}, 6
while start <= #ARGV do
  local map, ttl, first = ARGV[start], ARGV[start + 1], start + 4
  local last = first + ARGV[start + 3] * 4 - 1
  local ok, said = true, 1
  if map ~= '' then
    local key = ARGV[1] .. 'map:' .. map
    -- What one map's outcomes are refused for, such as a key that is something else, is no matter of the others.
    ok, said = pcall(publish, map, key .. ':done', key .. ':out', key .. ':in', ttl, first, last)
  end
  local group = {ok and said or words(said)}
  all[#all + 1] = group
  group.hasOutcomes, group.another = map ~= '', ARGV[start + 2] == '1'
  for i = first, ok and last or 0, 4 do
    local n = #ids + 1
    ids[n], places[n], groups[n] = map == '' and ARGV[i] or map .. '-' .. ARGV[i], i, group
  end
  start = last + 1
end
${FETCHING}
local codes, served = {}, {}
-- Says what keeps a job without an outcome from being completed here: one that brings an outcome was fetched here, and is plain.
local function hurdle(id)
  local job = redis.call('HMGET', ARGV[1] .. id, 'name', 'parentKey', 'deid')
  if not job[1] then return -1 end
  return (job[2] or job[3]) and -100 or nil
end
-- Takes jobs from the active ones, and gives a table in which those are left that are not there. The oldest ones end first, so
-- nearly all are near the tail.
local function release(wanted, count)
  if count == 0 then return wanted end
  local tail, rest = redis.call('LRANGE', KEYS[2], -2 * count, -1), {}
  for _, id in ipairs(tail) do
    if not wanted[id] then rest[#rest + 1] = id end
  end
  if #tail - #rest > count / 2 then
    redis.call('LTRIM', KEYS[2], 0, -1 - #tail)
    for _, id in ipairs(tail) do wanted[id] = nil end
    if #rest > 0 then redis.call('RPUSH', KEYS[2], unpack(rest)) end
  end
  for id in pairs(wanted) do
    if redis.call('LREM', KEYS[2], -1, id) > 0 then wanted[id] = nil end
  end
  return wanted
end
if isPlain and #ids > 0 then
  local locks = {}
  for n, id in ipairs(ids) do locks[n] = ARGV[1] .. id .. ':lock' end
  local holders, wanted, count = redis.call('MGET', unpack(locks)), {}, 0
  for n, id in ipairs(ids) do
    local code
    if not groups[n].hasOutcomes then
      local ok, said = pcall(hurdle, id)
      -- A damaged job is its own trouble; what keeps the first from being looked at keeps all.
      if not ok and n == 1 then return redis.error_reply(words(said)) end
      code = not ok and -100 or said
    end
    -- The same job a second time.
    if not code and wanted[id] then code = -3 end
    if not code and holders[n] ~= ARGV[places[n] + 3] then code = holders[n] and -6 or -2 end
    codes[n] = code
    if not code then
      wanted[id] = true
      count = count + 1
    end
  end
  local gone, doomed = {}, {}
  local isList, absent = pcall(release, wanted, count)
  for n, id in ipairs(ids) do
    if not codes[n] then
      codes[n] = not isList and -100 or absent[id] and -3 or 0
      if codes[n] == 0 then
        local d, key = #doomed, ARGV[1] .. id
        gone[#gone + 1] = id
        doomed[d + 1], doomed[d + 2], doomed[d + 3] = key, locks[n], key .. ':logs'
        if groups[n].another then served[#served + 1] = n end
      end
    end
  end
  if #gone > 0 then
    redis.call('DEL', unpack(doomed))
    redis.call('SREM', KEYS[8], unpack(gone))
  end
  local ok, jobs, isEmpty = pcall(fetch, #served, ${FETCH_BYTES}, function(k) return ARGV[places[served[k]] + 3] end)
  if ARGV[5] ~= '' and ok and #jobs == 0 and isEmpty and not nextDelayed then waitForJob(ARGV[5], ARGV[2], true) end
  for k, n in ipairs(served) do
    codes[n] = ok and (jobs[k] or isEmpty and {0, 0, 0, nextDelayed or 0}) or 0
  end
end
for n, group in ipairs(groups) do group[#group + 1] = codes[n] or -100 end
return finish(all)`,
};
