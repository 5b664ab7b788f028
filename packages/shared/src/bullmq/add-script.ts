/** The script that adds plain jobs: see `plain-jobs.ts`. */

import { DONE_BITS } from "../store/keys/done-bits.ts";
import { ENTER_TURNS } from "../store/keys/turns.ts";
import { OPEN_MAP } from "../store/open-map.ts";
import type { Script } from "../redis/run-script.ts";
import { HAND_OVER } from "./hand-over.ts";

/**
 * KEYS: wait, active, meta, marker, events, prioritized, pc, turns, accounts, idle; of a map that is to be opened, done, out and in
 * as well. ARGV: prefix of job keys, how many jobs of a map that is alone may be in BullMQ's list, or "inf"; how long the keys of a
 * map that is to be opened are kept, in ms, or 0; then, for jobs that have all but their ids and data in common, their number,
 * name, the text of their options up to the id (which comes last), time and priority, and for each its id and data. Gives 0
 * if the queue is not plain: then nothing was added. Gives 2 if it handed a single job to an idle machine, else 1.
 *
 * The jobs of a map that is alone go into BullMQ's list, those of others to their stages (see `turns.ts`).
 */
export const ADD: Script = {
  lua: `${DONE_BITS}
local function hasOutcome(id)
  local map, at = string.match(id, '^(.+)%-(%d+)$')
  if not map then return false end
  -- Something else may have taken the key.
  local isBitmap, done = pcall(isDone, ARGV[1] .. 'map:' .. map .. ':done', at)
  return isBitmap and done
end
local meta = redis.call('HMGET', KEYS[3], 'paused', 'concurrency', 'opts.maxLenEvents', 'max')
${HAND_OVER}
if #ARGV == 10 and not (meta[1] or meta[2] or meta[4]) and handOver() then return 2 end
${OPEN_MAP}
local isNew = ARGV[3] ~= '0' and openMap(KEYS[11], KEYS[12], KEYS[13], ARGV[3])
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
local keys, seen, start = {}, {}, 4
while start <= #ARGV do
  local last = start + 3 + 2 * ARGV[start]
  for i = start + 5, last, 2 do keys[#keys + 1] = ARGV[1] .. ARGV[i] end
  start = last + 2
end
local anyThere = redis.call('EXISTS', unpack(keys)) > 0
-- If the connection breaks before the reply arrives, the producer sends these jobs again. Workers may have done some meanwhile.
local again = not isNew and ((anyThere and redis.call('EXISTS', keys[1]) == 1) or hasOutcome(ARGV[9]))
local added, urgent, place = {}, false, 0
start = 4
while start <= #ARGV do
  local name, opts, timestamp, priority = ARGV[start + 1], ARGV[start + 2], ARGV[start + 3], ARGV[start + 4]
  local last = start + 3 + 2 * ARGV[start]
  for i = start + 5, last, 2 do
    local id = ARGV[i]
    place = place + 1
    local key = keys[place]
    if not seen[id] and not (anyThere and redis.call('EXISTS', key) == 1) and not (again and hasOutcome(id)) then
      seen[id] = true
      redis.call('HMSET', key, 'name', name, 'data', ARGV[i + 1], 'opts', opts .. id .. '"}', 'timestamp', timestamp,
        'delay', '0', 'priority', priority)
      if priority == '0' then
        added[#added + 1] = id
      else
        urgent = true
        redis.call('ZADD', KEYS[6], priority * 0x100000000 + redis.call('INCR', KEYS[7]) % 0x100000000, id)
      end
    end
  end
  start = last + 2
end
if #added > 0 then
  local map = stagedFor(added)
  if map then enter(KEYS[8], KEYS[9], map) end
  redis.call('LPUSH', map and ARGV[1] .. 'map:' .. map .. ':stage' or KEYS[1], unpack(added))
end
if not meta[1] and (#added > 0 or urgent) then redis.call('ZADD', KEYS[4], 0, '0') end
-- What BullMQ's own scripts, which trim it too, say of jobs that are fetched or retried.
redis.call('XTRIM', KEYS[5], 'MAXLEN', '~', meta[3] or 10000)
-- If the reply of the script that handed a job over was lost, the job is here, and may still have to be taken back.
return again and #keys == 1 and redis.call('HEXISTS', keys[1], 'handed') == 1 and 2 or 1`,
};
