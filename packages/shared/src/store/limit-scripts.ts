/**
 * Limits by key: how many jobs with a key run at once on all machines of a queue, and how many start in a second.
 *
 * A machine that has fetched a job with a limit takes a permit for it, and gives the permit back when the job's run has
 * ended. A job that gets none is put off: it leaves BullMQ's `active` list for its `delayed` set, and has its place in
 * line in `limit-waiting:<key>`. Whoever gives a permit back calls the first in line: they move from `delayed` to the front
 * of `wait`. So a job that waits for a permit costs no machine anything meanwhile, and no machine polls for it.
 *
 *   fetched ──take──▶ permit ──▶ runs ──give──▶ (calls the next)
 *      ▲                │ none
 *      └──── called ◀───┴── put off, in line
 *
 * - A permit is bound to its job's lock. Where a machine vanishes, the locks of its jobs expire, and so do the permits.
 * - A job that was put off comes back on its own after a while, the first in line after a second. So if a call is lost,
 *   because the machine that had to make it was killed, that costs a second.
 * - Starts in a second are spread evenly (as in the generic cell rate algorithm): `tat` is when the next one is due.
 */

import type { Cluster, Redis } from "ioredis";

import { runScript } from "../redis/run-script.ts";
import type { Script } from "../redis/run-script.ts";
import { READ_CLOCK } from "./keys/redis-clock.ts";
import type { QueueKeys } from "./keys/keys.ts";
import { REFUND_TURN } from "./keys/turns.ts";
import type { Limit } from "../wire.ts";

/** How much earlier than due a start may come, in ms, to make up for one that was late. */
const EARLY_MS = 50;

/** Where jobs with the same key have different limits, the strictest that was asked for within this time counts. */
const STRICTEST_MS = 60_000;

/** The shortest time between two searches for permits whose locks are lost, in ms. */
const LOOK_FOR_LOST_MS = 500;

/** A job that was put off comes back after its place in line times this, in ms, if nobody calls it. */
const COME_BACK_MS = 1_000;
const MAX_COME_BACK_MS = 60 * 60_000;

/** Jobs that one script calls. */
const MAX_CALLED = 100;

/**
 * The shortest time between two calls of jobs in line, in ms. Where many start in a second, one call is for several jobs.
 */
const MIN_CALL_MS = 10;

/**
 * Permits and places in line must outlive the runs that hold them. They are removed with their jobs; leftovers expire
 * after a week.
 */
const HELD_TTL_MS = 7 * 24 * 60 * 60_000;

/** The rest of a limit's state is useless once nobody has asked for this long and the next start is due. */
const UNUSED_TTL_MS = 2 * STRICTEST_MS;

/**
 * KEYS: limit, limit-held, limit-waiting, active, delayed, wait, prioritized, marker, pc, stalled, turns, accounts, limited.
 * ARGV: prefix of job keys, job id, machine.
 *
 * The hash `limit` has: `c` and `r`, the limits, with `cAt` and `rAt`, when they were asked for; `tat`; `seq`, a counter of
 * places in line; `wakeAt`, when the machine that was told to will call the next; `lookedAt`, when permits of lost locks
 * were last looked for.
 */
const LIMIT = `${READ_CLOCK}
now = time[1] * 1000 + time[2] / 1000
local told = redis.call('HMGET', KEYS[1], 'c', 'cAt', 'r', 'rAt', 'tat', 'wakeAt', 'lookedAt')
for i = 1, 7 do told[i] = tonumber(told[i] or 0) end
local function strictest(name, value, at, own)
  if now - at > ${STRICTEST_MS} then value = 0 end
  if own > 0 and (value == 0 or own <= value) then
    redis.call('HSET', KEYS[1], name, own, name .. 'At', now)
    return own
  end
  return value
end
local concurrency, rate, tat = told[1], told[3], math.max(told[5], now)
local function permits()
  local free, starts = math.huge, math.huge
  if concurrency > 0 then free = math.max(0, concurrency - redis.call('HLEN', KEYS[2])) end
  if rate > 0 then starts = math.max(0, math.floor((now + ${EARLY_MS} - tat) * rate / 1000) + 1) end
  return math.min(free, starts), free > starts
end
local function lookForLost()
  if now - told[7] < ${LOOK_FOR_LOST_MS} then return end
  redis.call('HSET', KEYS[1], 'lookedAt', now)
  for _, id in ipairs(redis.call('HKEYS', KEYS[2])) do
    if redis.call('EXISTS', ARGV[1] .. id .. ':lock') == 0 then redis.call('HDEL', KEYS[2], id) end
  end
end
local function keep()
  redis.call('PEXPIRE', KEYS[1], math.ceil(tat - now) + ${UNUSED_TTL_MS})
  redis.call('PEXPIRE', KEYS[2], ${HELD_TTL_MS})
  redis.call('PEXPIRE', KEYS[3], ${HELD_TTL_MS})
  redis.call('PEXPIRE', KEYS[13], ${HELD_TTL_MS})
end
-- Calls as many of the first in line as may start now. Gives after how many ms the next may, if this machine is to call it.
local function callNext()
  if redis.call('ZCARD', KEYS[3]) == 0 then return -1 end
  local most, isByTime = permits()
  local place, called = 0, {}
  for _ = 1, ${MAX_CALLED} * 10 do
    if place >= math.min(most, ${MAX_CALLED}) then break end
    local id = redis.call('ZRANGE', KEYS[3], place, place)[1]
    if not id then break end
    local priority = redis.call('HGET', ARGV[1] .. id, 'priority')
    if not priority then
      -- Its map was cancelled.
      redis.call('ZREM', KEYS[3], id)
      redis.call('ZREM', KEYS[13], id)
    else
      if redis.call('ZREM', KEYS[5], id) == 1 then
        redis.call('ZREM', KEYS[13], id)
        redis.call('HSET', ARGV[1] .. id, 'delay', 0)
        if priority == '0' then table.insert(called, 1, id)
        else
          redis.call('ZADD', KEYS[7], priority * 0x100000000 + redis.call('INCR', KEYS[9]) % 0x100000000, id)
          redis.call('ZADD', KEYS[8], 0, '0')
        end
      end
      place = place + 1
    end
  end
  -- The last one of the list is fetched first.
  if #called > 0 then
    redis.call('RPUSH', KEYS[6], unpack(called))
    redis.call('ZADD', KEYS[8], 0, '0')
  end
  if not isByTime or redis.call('ZCARD', KEYS[3]) <= place then return -1 end
  local nextAt = tat + most * 1000 / rate - ${EARLY_MS}
  if told[6] > now and told[6] <= nextAt + 1 then return -1 end
  redis.call('HSET', KEYS[1], 'wakeAt', nextAt)
  return math.max(${MIN_CALL_MS}, math.ceil(nextAt - now))
end`;

/**
 * ARGV, further: token of the job's lock, concurrency, starts in a second (0: no limit), number of starts. Gives whether the
 * job may run (1), was put off (0) or is no longer this machine's (-1); whether a permit is to be given back; and what
 * `callNext` gives.
 */
const TAKE: Script = {
  lua: `${LIMIT}${REFUND_TURN}
local id, key = ARGV[2], ARGV[1] .. ARGV[2]
concurrency = strictest('c', concurrency, told[2], tonumber(ARGV[5]))
rate = strictest('r', rate, told[4], tonumber(ARGV[6]))
-- A machine that had the job before has vanished.
redis.call('HDEL', KEYS[2], id)
local most = permits()
if most == 0 and concurrency > 0 then
  lookForLost()
  most = permits()
end
local rank = redis.call('ZRANK', KEYS[3], id)
local place = rank or redis.call('ZCARD', KEYS[3])
if place < most then
  if rank then
    redis.call('ZREM', KEYS[3], id)
    redis.call('ZREM', KEYS[13], id)
  end
  if concurrency > 0 then redis.call('HSET', KEYS[2], id, ARGV[3]) end
  if rate > 0 then
    tat = tat + ARGV[7] * 1000 / rate
    redis.call('HSET', KEYS[1], 'tat', tat)
  end
  keep()
  return {1, concurrency > 0 and 1 or 0, callNext()}
end
if redis.call('GET', key .. ':lock') ~= ARGV[4] or redis.call('LREM', KEYS[4], -1, id) == 0 then return {-1, 0, -1} end
redis.call('DEL', key .. ':lock')
redis.call('SREM', KEYS[10], id)
if redis.call('HGET', key, 'priority') == '0' and redis.call('EXISTS', KEYS[11]) == 1 then
  refundTurn(KEYS[11], KEYS[12], id, rank)
end
redis.call('ZADD', KEYS[3], 'NX', redis.call('HINCRBY', KEYS[1], 'seq', 1), id)
redis.call('ZADD', KEYS[13], now, id)
keep()
local delay = math.min((place + 1) * ${COME_BACK_MS}, ${MAX_COME_BACK_MS})
redis.call('HSET', key, 'delay', delay)
redis.call('ZADD', KEYS[5], math.floor(now + delay) * 0x1000, id)
redis.call('ZADD', KEYS[8], redis.call('ZRANGE', KEYS[5], 0, 0, 'WITHSCORES')[2] / 0x1000, '1')
return {0, 0, callNext()}`,
};

/**
 * Gives a job's permit back, if it is still this machine's, and its place in line, if nobody is to run it. ARGV, further:
 * number of its starts if it did not start after all, else 0. Gives what `callNext` gives.
 */
const GIVE: Script = {
  lua: `${LIMIT}
if redis.call('HGET', KEYS[2], ARGV[2]) == ARGV[3] then redis.call('HDEL', KEYS[2], ARGV[2]) end
if redis.call('ZREM', KEYS[3], ARGV[2]) == 1 then redis.call('ZREM', KEYS[13], ARGV[2]) end
if rate > 0 and ARGV[4] ~= '0' then
  tat = math.max(now, tat - ARGV[4] * 1000 / rate)
  redis.call('HSET', KEYS[1], 'tat', tat)
end
return callNext()`,
};

/** Calls those in line that may start now. Gives what `callNext` gives. */
const CALL: Script = { lua: `${LIMIT}\nreturn callNext()` };

/** The answer to a job that asks for a permit. */
export interface Taken {
  /** `put off`: the job is in line now, and no longer this machine's. `gone`: it was not this machine's any more. */
  readonly may: "run" | "put off" | "gone";
  /** The job holds a permit, which must be given back. */
  readonly holds: boolean;
  /** After how many ms this machine is to call the jobs in line; `undefined` if it need not. */
  readonly callAfterMs: number | undefined;
}

/** The limits of one queue, for the machine with this id. */
export class LimitScripts {
  readonly #redis: Redis | Cluster;
  readonly #keys: QueueKeys;
  readonly #machine: string;

  constructor(redis: Redis | Cluster, keys: QueueKeys, machine: string) {
    this.#redis = redis;
    this.#keys = keys;
    this.#machine = machine;
  }

  /** Asks for a permit for a job that was fetched with this token. @param starts - number of items that it will start */
  async take(jobId: string, token: string, limit: Limit, starts: number): Promise<Taken> {
    const { key, concurrency = 0, ratePerSecond = 0 } = limit;
    const args = [token, concurrency, ratePerSecond, starts];
    const [may, holds, afterMs] = (await this.#run(TAKE, key, jobId, args)) as [number, number, number];
    return {
      may: may === 1 ? "run" : may === 0 ? "put off" : "gone",
      holds: holds === 1,
      callAfterMs: inMs(afterMs),
    };
  }

  /** Gives a permit back. @param unstarted - number of starts, if the job did not start after all */
  async give(jobId: string, key: string, unstarted: number): Promise<number | undefined> {
    return inMs(Number(await this.#run(GIVE, key, jobId, [unstarted])));
  }

  /** Calls those in line that may start by now. */
  async call(key: string): Promise<number | undefined> {
    return inMs(Number(await this.#run(CALL, key, "", [])));
  }

  async #run(
    script: Script,
    key: string,
    jobId: string,
    args: readonly (string | number)[],
  ): Promise<unknown> {
    const keys = this.#keys;
    const names = ["active", "delayed", "wait", "prioritized", "marker", "pc", "stalled"];
    const own = [keys.limit(key), keys.limitHeld(key), keys.limitWaiting(key)];
    const all = [...own, ...names.map((name) => keys.job(name)), keys.turns, keys.accounts, keys.limited];
    return await runScript(this.#redis, script, all, [keys.job(""), jobId, this.#machine, ...args]);
  }
}

function inMs(value: number): number | undefined {
  return value < 0 ? undefined : value;
}
