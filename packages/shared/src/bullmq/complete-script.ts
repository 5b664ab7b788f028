/** The script that completes plain jobs with their outcomes: see `completions.ts`. */

import { PAGE_ITEMS } from "../store/keys/done-bits.ts";
import { publishingPlain } from "../store/outcomes/publish-scripts.ts";
import { waitBusy } from "./hand-over.ts";
import { FETCH_BYTES, FETCHING } from "./plain-scripts.ts";

import type { Script } from "../redis/run-script.ts";

/**
 * Lua for `COMPLETE`, with its keys and arguments: `completeAlone()` publishes the outcome of a script's only job and completes
 * it, where the machine has no other job in hand and none waits. Gives whether it did; if it did not, what follows finds out why,
 * and does what is left. It does what that does with half of the commands, because the caller waits for it.
 */
const COMPLETE_ALONE = `
local function completeAlone()
  local map, ttl, at = ARGV[6], ARGV[7], ARGV[10]
  local index = tonumber(at)
  -- Without an index there is no outcome, or there are several.
  if map == '' or not index or index >= ${PAGE_ITEMS} then return false end
  -- Redis has no empty lists and sets.
  if redis.call('EXISTS', KEYS[1], KEYS[6], KEYS[7], KEYS[10]) > 0 then return false end
  local id, keys = map .. '-' .. at, ARGV[1] .. 'map:' .. map
  local key, done, out = ARGV[1] .. id, keys .. ':done', keys .. ':out'
  local lock = key .. ':lock'
  if redis.call('PTTL', done) < ttl / 2 or redis.pcall('GET', lock) ~= string.sub(ARGV[9], 3) then return false end
  if redis.pcall('SETBIT', done, at, 1) ~= 0 then return false end
  if type(redis.pcall('XADD', out, '*', 'i', at, 'ran', ARGV[11], 'o', ARGV[12])) ~= 'string' then
    redis.call('SETBIT', done, at, 0)
    return false
  end
  redis.call('PEXPIRE', out, ttl)
  -- A job that was just handed over is the newest.
  if redis.pcall('LREM', KEYS[2], 1, id) ~= 1 then return false end
  redis.call('DEL', key, lock, key .. ':logs')
  redis.call('SREM', KEYS[8], id)
  ${waitBusy("KEYS[12]", "ARGV[5]", "ARGV[2]")}
  return true
end`;

/**
 * Completes jobs, after it has published their outcomes: a script is one step, so a job is never acknowledged whose outcome
 * is not in its map's stream. ARGV, further: how the machine is named in `idle`, if it has no other job in hand, or "". Jobs come
 * in groups of one map, whose outcomes share an entry. For each group: the id of the map, its ttlMs, 1 if another job is to be
 * fetched in place of each, the tokens of their locks, then the fields `i`, `ran` and `o` of the entry. Of the tokens, each line
 * is for so many jobs: their number, a space, the token. A map without an id stands for jobs that have no outcome, and their ids
 * stand for their first indices.
 *
 * Gives for each group a list: 1, or 0 if it is not wanted, or the words with which Redis refused an outcome; then, but not after
 * these words, 0 if all of its jobs were completed, or for each of them 0 or a code: -100 if it is not plain, or what BullMQ's
 * script gives. Then when the next delayed job is due, or 0, if no other job is left, else -1; then the jobs that were fetched,
 * as `FetchReader` reads them, in place of the first jobs that were completed and in place of which others are to be fetched.
 */
export const COMPLETE: Script = {
  lua: `${COMPLETE_ALONE}
if #ARGV == 12 and ARGV[5] ~= '' and completeAlone() then return {{{1, 0}}, 0} end
${publishingPlain("KEYS[11]")}
local function words(problem)
  local text = type(problem) == 'table' and problem.err or problem
  return string.match(text, '%-(%u%u+ .*)') or text
end
local all, ids, tokens, groups = {}, {}, {}, {}
for start = 6, #ARGV, 7 do
  local map, jobs = ARGV[start], {i = ARGV[start + 4], ran = ARGV[start + 5], o = ARGV[start + 6]}
  local indices = linesOf(jobs.i)
  local ok, said = true, 1
  if map ~= '' then
    local key = ARGV[1] .. 'map:' .. map
    -- What one map's outcomes are refused for, such as a key that is something else, is no matter of the others.
    ok, said = pcall(publish, map, key .. ':done', key .. ':out', key .. ':in', ARGV[start + 1], indices, jobs)
  end
  local group = {ok and said or words(said)}
  all[#all + 1] = group
  group.hasOutcomes, group.another = map ~= '', ARGV[start + 2] == '1'
  if ok then
    local first = map == '' and '' or map .. '-'
    for _, at in ipairs(indices) do
      local n = #ids + 1
      ids[n], groups[n] = first .. at, group
    end
    for count, token in string.gmatch(ARGV[start + 3], '(%d+) ([^\\n]+)') do
      for _ = 1, count do tokens[#tokens + 1] = token end
    end
  end
end
${FETCHING}
replies[1], replies[2] = all, -1
local codes, served, isLast = {}, {}, false
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
    if not code and holders[n] ~= tokens[n] then code = holders[n] and -6 or -2 end
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
  local ok, jobs, isEmpty = pcall(fetch, #served, ${FETCH_BYTES}, function(k) return tokens[served[k]] end)
  isLast = ok and isEmpty
  if ARGV[5] ~= '' and isLast and jobs == 0 and not nextDelayed then waitForJob(ARGV[5], ARGV[2], true) end
end
for n, group in ipairs(groups) do group[#group + 1] = codes[n] or -100 end
for k, group in ipairs(all) do
  local isDone = true
  for n = 2, #group do isDone = isDone and group[n] == 0 end
  all[k] = isDone and #group > 1 and {group[1], 0} or group
end
if isLast then replies[2] = nextDelayed or 0 end
return finish()`,
};
