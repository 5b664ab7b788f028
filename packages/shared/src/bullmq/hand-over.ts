/**
 * A job that is alone goes straight to an idle machine: the script that adds it gives it to the machine that was busy last, in
 * place of the mark that wakes some machine, which would then fetch the job.
 *
 *   producer: ADD ──▶ active, locked for the machine, field `handed` ──▶ hand:<machine> ──▶ machine, which runs it
 *                                  │                                        and removes the field, or the job
 *                                  └── field still there after 250 ms: the producer takes the job back, to the front of `wait`
 *
 * The machine that was busy last has its code warm, and a hundred idle machines on the queue change nothing for a call.
 *
 * A machine that has frozen or is cut off reads the job late. So it runs a job only if the job was handed over less than 100 ms
 * ago; otherwise it takes the job back itself. In both cases one script decides, by the field `handed`, and the job waits
 * again uncharged. The two times are far apart, so that the machine's word that it has begun is in Redis before the producer
 * asks. A job that has ended within a few ms needs no word: the script that completes it removes it with the field.
 *
 * - `idle`, a sorted set: the machine and how long it locks jobs, in ms → when it was busy last, in ms of Redis's time. One that
 *   only looked for jobs in vain counts as busy `LOOKED_MS` ago. Entries that were not renewed for `SILENT_MS` are removed.
 * - `hand:<machine>`, a sorted set from which the machine pops, and from no other key at the same time but the marker: a job.
 */

import type { RedisQueueBackend } from "bullmq";
import type { Cluster, Redis } from "ioredis";

import { runScript } from "../redis/run-script.ts";
import type { Script } from "../redis/run-script.ts";
import { FetchReader } from "./fetch-reader.ts";
import type { NextJobData } from "./fetch-reader.ts";

/** How long a machine may take to read a job that it was handed, in ms. */
export const FRESH_MS = 100;

/** After this long the producer takes back a job that the machine has not begun, in ms. */
export const TAKE_BACK_MS = 250;

/** More than an idle machine waits until it looks again. */
const LOOKED_MS = 12_000;
const SILENT_MS = 30_000;

/** How long a job lies in the key of a machine that does not read it, in ms: long after it was taken back. */
const BOX_TTL_MS = 5_000;

/** Characters of a job's data: larger ones would be copied once more. */
const MOST_DATA = 16 * 1024;

/**
 * Lua that says in the key `idle` that a machine, which has just ended a job, waits for one. Never throws: the key may hold
 * something else. All parameters are Lua expressions.
 */
export function waitBusy(idle: string, machine: string, now: string): string {
  return `redis.pcall('ZADD', ${idle}, ${now}, ${machine})
  redis.pcall('PEXPIRE', ${idle}, ${SILENT_MS})`;
}

/**
 * Lua: `waitForJob(machine, now, isBusy)` does the same; `isBusy`: the machine has just ended a job.
 *
 * @param idle - the key, as a Lua expression
 */
export function waitForJob(idle: string): string {
  return `
local function waitForJob(machine, now, isBusy)
  local at = now - (isBusy and 0 or ${LOOKED_MS})
  local known = not isBusy and redis.pcall('ZSCORE', ${idle}, machine)
  if not isBusy then redis.pcall('ZREMRANGEBYSCORE', ${idle}, '-inf', now - ${SILENT_MS}) end
  if type(known) == 'string' and tonumber(known) >= at then at = known end
  ${waitBusy(idle, "machine", "at")}
end`;
}

/**
 * Lua for `ADD`, with its keys and arguments: `handOver()` adds the job of a script that has no other, opens its map if that is
 * asked for, and hands it to an idle machine, if there is one and nothing else waits. Gives whether it did; otherwise nothing
 * has happened.
 *
 * A call waits for this script. So it asks for all that has to be absent in one command, and writes each key once: a command
 * costs two to three times more in a script than outside.
 */
export const HAND_OVER: string = `
local function handOver()
  local id, data, opens = ARGV[9], ARGV[10], ARGV[3] ~= '0'
  if ARGV[8] ~= '0' or #data > ${MOST_DATA} then return false end
  local key = ARGV[1] .. id
  -- The job, what waits, and the keys of a map that is to be opened. Redis has no empty lists and sets.
  if redis.call('EXISTS', key, KEYS[1], KEYS[6], KEYS[8], KEYS[11] or key, KEYS[12] or key) > 0 then return false end
  if not opens and hasOutcome(id) then return false end
  local waiting = redis.pcall('ZRANGE', KEYS[10], -1, -1)[1]
  if not waiting then return false end
  local machine, lockMs = string.match(waiting, '^(%S+) (%d+)$')
  if not machine then
    redis.call('ZREM', KEYS[10], waiting)
    return false
  end
  local box, time = ARGV[1] .. 'hand:' .. machine, redis.call('TIME')
  local now = string.format('%d', time[1] * 1000 + math.floor(time[2] / 1000))
  local token = machine .. ':' .. now
  -- First the step that a Redis without memory refuses. Without their id, the options of all calls are the same text.
  local text = id .. '\\n' .. now .. '\\n' .. token .. '\\n' .. ARGV[7] .. '\\n' .. ARGV[6] .. '"}\\n' .. data .. '\\n' .. ARGV[5]
  if redis.pcall('ZADD', box, 0, text) ~= 1 then return false end
  redis.call('PEXPIRE', box, ${BOX_TTL_MS})
  -- The stream of its outcome is made with the outcome.
  if opens then redis.call('SET', KEYS[11], '\\0', 'PX', ARGV[3]) end
  redis.call('HMSET', key, 'name', ARGV[5], 'data', data, 'opts', ARGV[6] .. id .. '"}', 'timestamp', ARGV[7], 'delay', '0', 'priority', '0',
    'processedOn', now, 'handed', token)
  redis.call('SET', key .. ':lock', token, 'PX', lockMs)
  redis.call('LPUSH', KEYS[2], id)
  redis.call('ZREM', KEYS[10], waiting)
  return true
end`;

/** KEYS: active, wait, stalled, meta, marker. ARGV: prefix of job keys, job id. Gives 1 if it took the job back. */
const TAKE_BACK: Script = {
  lua: `
local id, key = ARGV[2], ARGV[1] .. ARGV[2]
local token = redis.call('HGET', key, 'handed')
if not token or redis.call('GET', key .. ':lock') ~= token then return 0 end
redis.call('DEL', key .. ':lock')
redis.call('HDEL', key, 'handed', 'processedOn')
redis.call('SREM', KEYS[3], id)
if redis.call('LREM', KEYS[1], 1, id) == 0 then return 0 end
redis.call('RPUSH', KEYS[2], id)
if redis.call('HEXISTS', KEYS[4], 'paused') == 0 then redis.call('ZADD', KEYS[5], 0, '0') end
return 1`,
};

const NAMES = ["active", "wait", "stalled", "meta", "marker"];

/**
 * Takes a job back that was handed to a machine, to the front of those that wait, unless the machine has begun it. Gives whether
 * it did. The job is not charged with a loss.
 *
 * @param keyOf - gives the queue's key of this name
 */
export async function takeBack(
  redis: Redis | Cluster,
  keyOf: (name: string) => string,
  jobId: string,
): Promise<boolean> {
  return (await runScript(redis, TAKE_BACK, NAMES.map(keyOf), [keyOf(""), jobId])) === 1;
}

/** A job that a machine was handed. */
export interface HandedJob {
  readonly id: string;
  /** What BullMQ makes of it. */
  readonly job: NextJobData;
  /** Token of its lock. */
  readonly token: string;
  /** When it was handed over, in ms of Redis's time. */
  readonly atMs: number;
}

/** Reads what the wait for a job gave. Undefined for a mark, after which the machine has to fetch, or for what can't be read. */
export function readHanded(member: string, worker: string): HandedJob | undefined {
  // Names are whatever somebody called a function. All else is a number, an id, or JSON, which has no line breaks.
  const [id, now, token, timestamp, opts, data, ...name] = member.split("\n");
  if (id === undefined || token === undefined || data === undefined) return undefined;
  const atMs = Number(now);
  const common = [name.join("\n"), opts ?? "", timestamp ?? "", "0"] as [string, string, string, string];
  try {
    const job = new FetchReader({ nowMs: atMs, worker, aheadMs: 0 }, [common, id, data]).next();
    return job === undefined || job instanceof Error ? undefined : { id, job, token, atMs };
  } catch {
    return undefined;
  }
}

/** Makes a worker's backend wait for a job that it is handed, besides the mark that there are some to fetch. */
export function waitForHanded(backend: RedisQueueBackend, worker: string): void {
  const { queue } = backend as unknown as { readonly queue: { readonly keys: { readonly marker: string } } };
  // BullMQ gives the name of the marker to `BZPOPMIN`, to which the Redis client passes on all names of a list.
  const marker = [backend.toKey(`hand:${worker}`), queue.keys.marker];
  const both = Object.create(queue, { keys: { value: { ...queue.keys, marker } } }) as unknown;
  const waiting = Object.create(backend, { queue: { value: both } }) as RedisQueueBackend;
  backend.waitForJob = backend.waitForJob.bind(waiting);
}
