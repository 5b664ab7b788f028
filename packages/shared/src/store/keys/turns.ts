/**
 * Turns of maps: how maps that are on one queue get equal shares of the fleet's time. Maps with a priority take no part in
 * it: their jobs go before all others.
 *
 *   map that is alone ──▶ wait (BullMQ's list) ─────────┐
 *   second, third, …  ──▶ map:<id>:stage ───────────────┼──▶ the line with the least on its account ──▶ a worker
 *   durable map       ──▶ map:<id>:stage, if large ─────┘
 *
 * Each line of waiting jobs has an account of the time that its jobs took. Whoever fetches a job gets that of the line with
 * the least. How long a job takes is not known before it ran. So its line is charged with the mean of its map's jobs, and
 * the difference is corrected the next time that a job of this map is fetched. A line that is new or comes back starts
 * where the others are: it has no claim to the time before.
 *
 * - `turns`, a sorted set: id of a map whose stage holds jobs → its account, in ms. `""` stands for BullMQ's own list. Absent
 *   as long as nothing is staged: then BullMQ's list is served without any of this.
 * - `accounts`, a hash: map id → four numbers: the mean run time of its jobs in ms, or `?`; the correction that is due,
 *   in ms; its account when it was served last; how many jobs were charged before any had been measured. It is ignored
 * while there is no `turns`.
 *
 * The pool in memory does the same (`fair-queue.ts` of the producer).
 */

import { MAP_TTL_MS } from "./durations.ts";

/** What a job is charged with before any job of its map has ended, in ms. It is little, so that a new map begins soon. */
const UNKNOWN_MS = 1;

/**
 * What a job is charged with that is put off because it gets no permit of its limit, in ms: about the time to fetch it
 * and to ask. If this were 0, a map with thousands of such jobs would always be next, and other maps would wait until
 * each of them was put off.
 */
const PUT_OFF_MS = 1;

/**
 * Above this number of accounts, those of maps are removed that have no waiting job, and no more on their account than
 * the others.
 */
const MAX_ACCOUNTS = 1_000;

/** Jobs that one script moves into BullMQ's list. */
const SPILLED = 500;

/** The keys that the scripts of this file need, as Lua expressions. */
interface TurnKeys {
  readonly wait: string;
  readonly active: string;
  readonly turns: string;
  readonly accounts: string;
}

/** Lua: `enter(turns, accounts, map)` gives a map its place among those whose jobs are staged. */
export const ENTER_TURNS = `
local function enter(turns, accounts, map)
  if redis.call('ZSCORE', turns, map) then return end
  local least = redis.call('ZRANGE', turns, 0, 0, 'WITHSCORES')[2]
  if not least then redis.call('DEL', accounts) end
  local last = string.match(redis.call('HGET', accounts, map) or '', '^%S+ %S+ (%S+)')
  redis.call('ZADD', turns, math.max(tonumber(least) or 0, tonumber(last) or 0), map)
end`;

/**
 * Lua: `takeTurn()` moves the next job in turn to `active`, and gives its id, or nil if nothing waits. `endTurns()` must
 * be called after the last `takeTurn()`; it gives whether jobs still wait. To be put where the key `turns` is known to
 * exist, in a script that declares both functions as locals.
 *
 * @param prefix - a Lua expression for what the keys of the queue begin with
 */
export function takeTurns(keys: TurnKeys, prefix: string): string {
  return `
local line, list, spent, others
local accounts = {}
-- What BullMQ put into its own list, or a map that was alone until now, is a line like the others.
if redis.call('LLEN', ${keys.wait}) > 0 and not redis.call('ZSCORE', ${keys.turns}, '') then
  redis.call('ZADD', ${keys.turns}, redis.call('ZRANGE', ${keys.turns}, 0, 0, 'WITHSCORES')[2] or 0, '')
end
local function endTurn()
  if redis.call('LLEN', list) == 0 then
    redis.call('ZREM', ${keys.turns}, line)
    -- Calls of a single item come and go by the thousand.
    if accounts[line] and not accounts[line].known then accounts[line] = nil end
  else
    redis.call('ZADD', ${keys.turns}, spent, line)
  end
  line = nil
end
local function charge(id)
  local map = string.match(id, '^(.+)%-%d+$') or ''
  local account = accounts[map]
  if not account then
    local text = redis.call('HGET', ${keys.accounts}, map)
    local mean, owed, at, guessed = string.match(text or '', '^(%S+) (%S+) (%S+) (%S+)$')
    account = {known = text, mean = tonumber(mean), owed = tonumber(owed) or 0, at = at,
      guessed = tonumber(guessed) or 0}
    accounts[map] = account
  end
  local cost = account.mean or ${UNKNOWN_MS}
  if not account.mean then account.guessed = account.guessed + 1 end
  if line == '' and redis.call('ZSCORE', ${keys.turns}, map) then
    -- BullMQ put it into its list, to be tried again: the map's own line pays for it.
    account.owed = account.owed + cost
    spent = spent + cost
    return
  end
  spent = spent + cost + account.owed
  account.owed = 0
  account.at = spent
end
takeTurn = function()
  while true do
    if not line then
      local least = redis.call('ZRANGE', ${keys.turns}, 0, 1, 'WITHSCORES')
      if not least[1] then return nil end
      line, spent, others = least[1], tonumber(least[2]), tonumber(least[4])
      list = line == '' and ${keys.wait} or ${prefix} .. 'map:' .. line .. ':stage'
    end
    local id = redis.call('RPOPLPUSH', list, ${keys.active})
    if id then charge(id) end
    if not id or (others and spent > others) then endTurn() end
    if id then return id end
  end
end
endTurns = function()
  if line then endTurn() end
  local least = redis.call('ZRANGE', ${keys.turns}, 0, 0, 'WITHSCORES')[2]
  if not least then
    redis.call('DEL', ${keys.accounts})
    return false
  end
  for map, account in pairs(accounts) do
    redis.call('HSET', ${keys.accounts}, map, string.format('%s %.3f %.3f %d', account.mean or '?', account.owed, account.at or least,
      account.guessed))
  end
  -- Should the turns be lost, this must not stay for ever.
  redis.call('PEXPIRE', ${keys.accounts}, ${MAP_TTL_MS})
  if redis.call('HLEN', ${keys.accounts}) > ${MAX_ACCOUNTS} then
    local all = redis.call('HGETALL', ${keys.accounts})
    for i = 1, #all, 2 do
      local at = tonumber(string.match(all[i + 1], '^%S+ %S+ (%S+)')) or 0
      if at <= tonumber(least) and not redis.call('ZSCORE', ${keys.turns}, all[i]) then redis.call('HDEL', ${keys.accounts}, all[i]) end
    end
  end
  return true
end`;
}

/**
 * Lua: `spill()` moves staged jobs into BullMQ's own list, in turns. While somebody limits the queue, its jobs are
 * fetched by BullMQ's own scripts, which know no stages.
 *
 * @param prefix - as above
 */
export function spillStages({ wait, turns }: TurnKeys, prefix: string): string {
  return `
local function spill()
  local maps = redis.call('ZRANGE', ${turns}, 0, -1)
  for _ = 1, ${SPILLED} do
    if #maps == 0 then break end
    local map = table.remove(maps, 1)
    if map ~= '' and redis.call('RPOPLPUSH', ${prefix} .. 'map:' .. map .. ':stage', ${wait}) then
      maps[#maps + 1] = map
    else
      redis.call('ZREM', ${turns}, map)
    end
  end
end`;
}

/**
 * Lua: `refundTurn(turns, accounts, id, fromWait)` gives back what a job was charged with when it was fetched, but for
 * `PUT_OFF_MS`, because it waits for a permit of its limit, and did not run.
 */
export const REFUND_TURN: string = `
local function refundTurn(turns, accounts, id, fromWait)
  local map = string.match(id, '^(.+)%-%d+$') or ''
  local mean, owed, at, guessed = string.match(redis.call('HGET', accounts, map) or '', '^(%S+) (%S+) (%S+) (%S+)$')
  if not mean then return end
  local cost = tonumber(mean) or ${UNKNOWN_MS}
  if not tonumber(mean) then guessed = math.max(0, guessed - 1) end
  cost = math.max(0, cost - ${PUT_OFF_MS})
  redis.call('HSET', accounts, map, string.format('%s %.3f %s %d', mean, owed - cost, at, guessed))
  -- BullMQ's own list paid for it as well.
  if fromWait and redis.call('ZSCORE', turns, map) and redis.call('ZSCORE', turns, '') then
    redis.call('ZINCRBY', turns, -cost, '')
  end
end`;

/**
 * Lua: `ran(text)` takes account of a job of the map that ran for so long, by its `RanText`, and `settleAccount()` writes
 * that down. Both do nothing while no map shares the queue.
 *
 * @param accounts - a Lua expression for the name of the key
 * @param map - a Lua expression for the map's id
 */
export function settleAccounts(accounts: string, map: string): string {
  return `
local account = redis.call('HGET', ${accounts}, ${map})
local mean, owed, at, guessed = string.match(account or '', '^(%S+) (%S+) (%S+) (%S+)$')
mean, owed, guessed = tonumber(mean), tonumber(owed), tonumber(guessed)
local function ran(text)
  local ms = at and tonumber(string.match(text, '^[%d.]+'))
  -- 0: it was given up, or refused.
  if not ms or ms == 0 then return end
  if guessed > 0 then
    guessed = guessed - 1
    owed = owed + ms - ${UNKNOWN_MS}
  else
    owed = owed + ms - (mean or ${UNKNOWN_MS})
  end
  mean = mean and mean * 0.9 + ms * 0.1 or ms
end
local function settleAccount()
  if at then redis.call('HSET', ${accounts}, ${map}, string.format('%s %.3f %s %d', mean or '?', owed, at, guessed)) end
end`;
}
