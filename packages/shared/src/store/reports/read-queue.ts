/** Reads what the machines and producers of a queue report, and counts its jobs, in one step. */

import type { Cluster, Redis } from "ioredis";

import { MACHINE_TTL_MS } from "../keys/durations.ts";
import type { QueueKeys } from "../keys/keys.ts";
import { READ_CLOCK } from "../keys/redis-clock.ts";
import { runScript } from "../../redis/run-script.ts";
import type { Script } from "../../redis/run-script.ts";

/**
 * KEYS: workers, worker-info, worker-detail, maps, map-info, wait, prioritized, active, delayed, paused, meta, turns, limited.
 * ARGV: ttlMs of machines, what the keys of the queue begin with. It is a script so that, on a Redis Cluster, `INFO` is
 * that of the node that has the queue.
 */
const READ: Script = {
  lua: `${READ_CLOCK}
local machines = {}
local live = redis.call('ZRANGEBYSCORE', KEYS[1], now - ARGV[1], '+inf', 'WITHSCORES')
for i = 1, #live, 2 do
  local id = live[i]
  machines[#machines + 1] = {live[i + 1], redis.call('HGET', KEYS[2], id) or '', redis.call('HGET', KEYS[3], id) or ''}
end
local maps = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[4], now, '+inf')) do
  maps[#maps + 1] = {id, redis.call('HGET', KEYS[5], id) or ''}
end
local staged = 0
for _, id in ipairs(redis.call('ZRANGE', KEYS[12], 0, -1)) do
  staged = staged + redis.call('LLEN', ARGV[2] .. 'map:' .. id .. ':stage')
end
local jobs = {redis.call('LLEN', KEYS[6]), redis.call('ZCARD', KEYS[7]), redis.call('LLEN', KEYS[8]),
  redis.call('ZCARD', KEYS[9]), redis.call('LLEN', KEYS[10]), redis.call('HEXISTS', KEYS[11], 'paused'), staged,
  redis.call('ZCARD', KEYS[13])}
local info = redis.call('INFO', 'server') .. redis.call('INFO', 'memory') .. redis.call('INFO', 'clients')
return {now, jobs, info, machines, maps}`,
};

type Reply = [
  now: number,
  jobs: [
    waiting: number,
    prioritized: number,
    active: number,
    delayed: number,
    older: number,
    paused: number,
    staged: number,
    limited: number,
  ],
  info: string,
  machines: [beatAt: string, advertisement: string, detail: string][],
  maps: [id: string, text: string][],
];

/** Numbers of BullMQ jobs: an item each, or a chunk of them. */
export interface JobCounts {
  /** They wait for a worker or for the turns of their maps, those with a `priority` included. */
  readonly waiting: number;
  /** Workers have taken them. */
  readonly active: number;
  /** They wait for the time of another attempt. */
  readonly delayed: number;
  /** They wait for a permit of their limit by key: more workers would not run them sooner. Absent: none. */
  readonly limited?: number;
}

/** A queue at one moment, as it stands in Redis. */
export interface QueueReading {
  /** When it was read, by Redis's clock, in ms. */
  readonly atMs: number;
  /** Workers are told to take no jobs. */
  readonly paused: boolean;
  readonly jobs: JobCounts;
  /** What `INFO` says of the server, its memory and its clients. */
  readonly info: string;
  readonly machines: readonly {
    /** When its last heartbeat was, by Redis's clock, in ms. */
    readonly beatAtMs: number;
    readonly advertisement: string;
    /** What the machine runs now, for watchers; `""` if it has not reported that yet. */
    readonly detail: string;
  }[];
  /** What producers reported of their maps. */
  readonly reports: readonly { readonly id: string; readonly text: string }[];
}

export async function readQueue(redis: Redis | Cluster, keys: QueueKeys): Promise<QueueReading> {
  const { workers, workerInfo, workerDetail, maps, mapInfo } = keys;
  const lists = ["wait", "prioritized", "active", "delayed", "paused", "meta"].map((name) => keys.job(name));
  const all = [workers, workerInfo, workerDetail, maps, mapInfo, ...lists, keys.turns, keys.limited];
  const reply = (await runScript(redis, READ, all, [MACHINE_TTL_MS, keys.job("")])) as Reply;
  const [atMs, [waiting, prioritized, active, late, older, paused, staged, most], info, machines, reports] =
    reply;
  // A job that came back by itself stays in this set until it has asked for a permit again.
  const limited = Math.min(most, late);
  return {
    atMs,
    paused: paused === 1,
    // Before version 5 of BullMQ, a pause moved jobs to a list of their own.
    jobs: {
      waiting: waiting + prioritized + older + staged,
      active,
      delayed: late - limited,
      ...(limited === 0 ? {} : { limited }),
    },
    info,
    machines: machines.map(([beatAt, advertisement, detail]) => {
      return { beatAtMs: Number(beatAt), advertisement, detail };
    }),
    reports: reports.map(([id, text]) => ({ id, text })),
  };
}
