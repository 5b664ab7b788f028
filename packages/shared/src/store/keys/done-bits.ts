/**
 * Which jobs of a map have their outcome: one bit for each item at which a job begins.
 *
 * The input of a map may be endless, and a bitmap grows up to its highest bit. So only the bits of the first million items
 * are in `done`, which exists as long as the map is wanted. Those of each further million are in a page of their own,
 * `done:1`, `done:2`, …, which the producer removes when it has all outcomes of that page. An outcome that comes a second time
 * after that enters the stream a second time, and the producer ignores it.
 *
 * A durable map has all of its bits in `done`: whoever takes it up needs them all, and its jobs are all in Redis anyway.
 */

import type { Cluster, Redis } from "ioredis";

import { DURABLE_TTL_MS } from "./durations.ts";
import { runScript } from "../../redis/run-script.ts";
import type { Script } from "../../redis/run-script.ts";

/** The first so many bits are in `done`, and so many in each page, which has 128 KiB. */
export const PAGE_ITEMS: number = 2 ** 20;

/** The most bits that a key can have in Redis. */
const MAX_BITS = 2 ** 32;

/** Number of the page of an item; 0 for those in `done` itself. */
export function donePageOf(index: number): number {
  return Math.floor(index / PAGE_ITEMS);
}

/** Lua for the beginning of a script: `isDone(key of done, index)`, and `pageOf(key, index)`, which gives key and bit in a page. */
export const DONE_BITS: string = `
local function pageOf(done, index)
  return done .. ':' .. string.format('%d', math.floor(index / ${PAGE_ITEMS})), index % ${PAGE_ITEMS}
end
local function isDone(done, at)
  local index = tonumber(at)
  if index >= ${PAGE_ITEMS} and redis.call('GETBIT', pageOf(done, index)) == 1 then return true end
  return index < ${MAX_BITS} and redis.call('GETBIT', done, at) == 1
end`;

/**
 * Lua, after `DONE_BITS`: `clearDone(key of done, index)`. A bit that is not set stays as it is, since writing it would make
 * room for all before it.
 */
const CLEAR_DONE = `
local function clearDone(done, at)
  local index = tonumber(at)
  if index >= ${PAGE_ITEMS} then
    local key, bit = pageOf(done, index)
    if redis.call('GETBIT', key, bit) == 1 then redis.call('SETBIT', key, bit, 0) end
  end
  if index < ${MAX_BITS} and redis.call('GETBIT', done, at) == 1 then redis.call('SETBIT', done, at, 0) end
end`;

/** Bits that one command sets. */
const BITS = 500;

/**
 * Lua for the beginning of a script that publishes: `setDone(key of done, ttl of the map in ms, indices)` sets the bits of
 * these indices, which are texts. Gives the places in `indices` of those whose bit was not set. A page is made with its first
 * bit, and kept from expiring while outcomes come into it.
 */
export const SET_DONE: string = `${DONE_BITS}
${CLEAR_DONE}
local page
local function setInPage(done, index, ttl)
  local key, bit = pageOf(done, index)
  local isNew = redis.call('SETBIT', key, bit, 1) == 0
  if key ~= page then
    page = key
    if redis.call('PTTL', key) < ttl / 2 then redis.call('PEXPIRE', key, ttl) end
  end
  return isNew
end
local function setDone(done, ttl, indices)
  local fresh, places, args = {}, {}, {}
  -- One command sets many bits: a command that a script calls costs more than its bit.
  local function setAll()
    local before = redis.call('BITFIELD', done, unpack(args))
    for n, bit in ipairs(before) do
      if bit == 0 then fresh[#fresh + 1] = places[n] end
    end
    places, args = {}, {}
  end
  local hasPages = tonumber(ttl) < ${DURABLE_TTL_MS}
  for i, at in ipairs(indices) do
    local index = tonumber(at)
    if hasPages and index >= ${PAGE_ITEMS} then
      if setInPage(done, index, ttl) then fresh[#fresh + 1] = i end
    else
      local n = #args
      args[n + 1], args[n + 2], args[n + 3], args[n + 4] = 'SET', 'u1', at, '1'
      places[#places + 1] = i
      if #places == ${BITS} then setAll() end
    end
  end
  if #places > 0 then setAll() end
  return fresh
end`;

/** KEYS: done. ARGV: indices. */
const CLEAR: Script = {
  lua: `${DONE_BITS}
${CLEAR_DONE}
for _, at in ipairs(ARGV) do clearDone(KEYS[1], at) end
return 1`,
};

/** KEYS: done. ARGV: index. */
const READ: Script = { lua: `${DONE_BITS}\nreturn isDone(KEYS[1], ARGV[1]) and 1 or 0` };

/** Bits that are cleared in one script. */
const AT_ONCE = 1_000;

/** Whether the job whose first item this is has its outcome. @param done - key of the map's bitmap */
export async function isDone(redis: Redis | Cluster, done: string, index: number): Promise<boolean> {
  return (await runScript(redis, READ, [done], [index])) === 1;
}

/** Clears the bits of these jobs: they have no outcome. @param done - key of the map's bitmap */
export async function clearDone(
  redis: Redis | Cluster,
  done: string,
  indices: readonly number[],
): Promise<void> {
  for (let start = 0; start < indices.length; start += AT_ONCE) {
    await runScript(redis, CLEAR, [done], indices.slice(start, start + AT_ONCE));
  }
}
