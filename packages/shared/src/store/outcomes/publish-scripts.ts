/** The scripts by which outcomes enter the stream of their map: see `publish-outcomes.ts`. */

import { SET_DONE } from "../keys/done-bits.ts";
import { settleAccounts } from "../keys/turns.ts";
import type { Script } from "../../redis/run-script.ts";

/**
 * Lua: `publish(map, done, out, bytes, ttl, indices, jobs)` publishes the outcomes of one map's jobs. Gives 0 if the map is not
 * wanted: then nothing was published.
 *
 * The producer keeps the keys from expiring. This script renews them only when half of their time is gone, for a map
 * whose producer has died.
 *
 * @param accounts - a Lua expression for the key of the accounts by which maps take turns
 * @param how - Lua that declares two functions: `decide(out, bytes, ttl, indices, fresh, jobs, written)` writes the
 * outcomes of the jobs at the places `fresh` of `indices`, which have none yet, and notes in `written` the places of those whose
 * entry is there, even if the rest fails; `ranOf(fresh, jobs)` gives their `RanText`s
 */
function publishing(accounts: string, how: string): string {
  return `${SET_DONE}
-- None of these lines is empty.
local function linesOf(text)
  local lines = {}
  for line in string.gmatch(text, '[^\\n]+') do lines[#lines + 1] = line end
  return lines
end
${how}
local function publish(map, done, out, bytes, ttl, indices, jobs)
  local left = redis.call('PTTL', done)
  if left == -2 then return 0 end
  ${settleAccounts(accounts, "map")}
  local fresh, written = setDone(done, ttl, indices), {}
  local ok, problem = pcall(decide, out, bytes, ttl, indices, fresh, jobs, written)
  if not ok then
    -- The stream is something else. Without an entry there is no outcome: the jobs are found missing.
    for _, n in ipairs(fresh) do
      if not written[n] then clearDone(done, indices[n]) end
    end
    error(problem, 0)
  end
  if account then
    for _, text in ipairs(ranOf(fresh, jobs)) do ran(text) end
    settleAccount()
  end
  -- A call's map is opened without its stream.
  if redis.call('PTTL', out) == -1 then redis.call('PEXPIRE', out, ttl) end
  if left < ttl / 2 then
    for _, key in ipairs({done, out, bytes}) do redis.call('PEXPIRE', key, ttl) end
  end
  return 1
end`;
}

/**
 * Lua for scripts that publish outcomes which are texts and nothing else. `jobs` are then the fields of an entry that has the
 * outcomes of all of them: the texts `i`, `ran` and `o`, with a line for each job.
 *
 * Jobs come in one piece, and an entry goes to the stream as it came, because each text that a script is given or gives to a
 * command costs as much as the outcome of a tiny job itself.
 */
export function publishingPlain(accounts: string): string {
  return publishing(
    accounts,
    `
local function only(fresh, lines)
  local some = {}
  for k, n in ipairs(fresh) do some[k] = lines[n] end
  return some
end
local function ranOf(fresh, jobs) return only(fresh, linesOf(jobs.ran)) end
local function decide(out, bytes, ttl, indices, fresh, jobs)
  if #fresh == 0 then return end
  local i, ran, o = jobs.i, jobs.ran, jobs.o
  -- Some jobs have run twice.
  if #fresh < #indices then
    i = table.concat(only(fresh, indices), '\\n')
    ran, o = table.concat(ranOf(fresh, jobs), '\\n'), table.concat(only(fresh, linesOf(o)), '\\n')
  end
  redis.call('XADD', out, '*', 'i', i, 'ran', ran, 'o', o)
end`,
  );
}

/**
 * KEYS: done, out, in, accounts. ARGV: ttlMs, map id, then the fields `i`, `ran` and `o` of each entry. Gives 0 if the map is
 * not wanted.
 */
export const PUBLISH: Script = {
  lua: `${publishingPlain("KEYS[4]")}
local said = 1
for n = 3, #ARGV, 3 do
  local jobs = {i = ARGV[n], ran = ARGV[n + 1], o = ARGV[n + 2]}
  said = publish(ARGV[2], KEYS[1], KEYS[2], KEYS[3], ARGV[1], linesOf(jobs.i), jobs)
end
return said`,
};

/**
 * The same for jobs that have bytes or may be kept. KEYS: done, out, in, failed, accounts. ARGV: ttlMs, map id, then
 * (first index, `RanText`, outcome, its bytes or "", job or "", how many jobs of the map may be kept or -1) for each job.
 * A job that is kept keeps its arguments' bytes.
 */
export const PUBLISH_WHOLE: Script = {
  lua: `${publishing(
    "KEYS[5]",
    `
local function argOf(n) return 6 * n - 3 end
local function ranOf(fresh)
  local texts = {}
  for k, n in ipairs(fresh) do texts[k] = ARGV[argOf(n) + 1] end
  return texts
end
local function decide(out, bytes, ttl, indices, fresh, jobs, written)
  for _, n in ipairs(fresh) do
    local i, id = argOf(n), nil
    if ARGV[i + 3] == '' then
      id = redis.call('XADD', out, '*', 'i', ARGV[i], 'ran', ARGV[i + 1], 'o', ARGV[i + 2])
    else
      id = redis.call('XADD', out, '*', 'i', ARGV[i], 'ran', ARGV[i + 1], 'o', ARGV[i + 2], 'b', ARGV[i + 3])
    end
    written[n] = true
    local most = tonumber(ARGV[i + 5])
    if ARGV[i + 4] == '' or (most >= 0 and redis.call('HLEN', KEYS[4]) >= most) then
      redis.call('HDEL', bytes, ARGV[i])
    else
      redis.call('HSET', KEYS[4], ARGV[i], id .. ' ' .. ARGV[i + 4])
      redis.call('PEXPIRE', KEYS[4], ttl)
    end
  end
end`,
  )}
local indices = {}
for i = 3, #ARGV, 6 do indices[#indices + 1] = ARGV[i] end
return publish(ARGV[2], KEYS[1], KEYS[2], KEYS[3], ARGV[1], indices)`,
};

/**
 * The same for jobs that have bytes and are not kept. Their entries are in the stream already: commands of the same
 * transaction have just added them, one for each job. Those that must not be there are taken out again, before anybody can
 * read them. KEYS: done, out, in, accounts. ARGV: ttlMs, map id, then (first index, `RanText`) for each job.
 *
 * Lua reads each argument byte by byte and copies it twice, which takes Redis longer than all else that it does with a
 * large outcome. A job runs twice so rarely that the entries may be read by Lua then.
 */
export const PUBLISH_ADDED: Script = {
  lua: `${publishing(
    "KEYS[4]",
    `
local stays = {}
local function ranOf(fresh)
  local texts = {}
  for k, n in ipairs(fresh) do texts[k] = ARGV[2 * n + 2] end
  return texts
end
local function decide(out, bytes, ttl, indices, fresh, jobs, written)
  -- Fails if the stream is something else, in which case no entry was added.
  redis.call('XLEN', out)
  for _, n in ipairs(fresh) do
    written[n], stays[n] = true, true
    redis.call('HDEL', bytes, indices[n])
  end
end`,
  )}
local function takeOut(out, indices)
  local added = redis.call('XREVRANGE', out, '+', '-', 'COUNT', #indices)
  for k, entry in ipairs(added) do
    local n = #indices + 1 - k
    if not stays[n] and entry[2][2] == indices[n] then redis.call('XDEL', out, entry[1]) end
  end
  -- The stream was made by these commands: nobody would remove it.
  if redis.call('XLEN', out) == 0 and redis.call('PTTL', out) == -1 then redis.call('DEL', out) end
end
local indices, count = {}, 0
for i = 3, #ARGV, 2 do indices[#indices + 1] = ARGV[i] end
local ok, said = pcall(publish, ARGV[2], KEYS[1], KEYS[2], KEYS[3], ARGV[1], indices)
for _ in pairs(stays) do count = count + 1 end
if count < #indices then
  local isTaken, problem = pcall(takeOut, KEYS[2], indices)
  if ok and not isTaken then ok, said = false, problem end
end
if not ok then error(said, 0) end
return said`,
};
