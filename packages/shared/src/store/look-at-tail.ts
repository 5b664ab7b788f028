/** Reads how long each of the last jobs of a map has been running, and whether workers are idle meanwhile. */

import type { Cluster, Redis } from "ioredis";

import { runScript } from "../redis/run-script.ts";
import type { Script } from "../redis/run-script.ts";
import { jobIdOf } from "./keys/keys.ts";
import type { QueueKeys } from "./keys/keys.ts";
import { READ_CLOCK } from "./keys/redis-clock.ts";

/**
 * KEYS: wait, prioritized, meta, turns. ARGV: prefix of the map's job keys, then indices. Gives 1 if nothing waits for a worker and
 * the queue is not paused; then for each index for how many ms the job has been running, or -1 if nobody runs it now.
 */
const LOOK: Script = {
  lua: `${READ_CLOCK}
local idle = redis.call('LLEN', KEYS[1]) == 0 and redis.call('ZCARD', KEYS[2]) == 0
  and redis.call('EXISTS', KEYS[4]) == 0 and not redis.call('HGET', KEYS[3], 'paused')
local found = {idle and 1 or 0}
for i = 2, #ARGV do
  local key = ARGV[1] .. ARGV[i]
  local since = redis.call('EXISTS', key .. ':lock') == 1 and tonumber(redis.call('HGET', key, 'processedOn') or '')
  found[i] = since and math.max(0, math.floor(now - since)) or -1
end
return found`,
};

/** The most jobs that are looked at. The last jobs of a map are few. */
const MAX_JOBS = 1_000;

/** What was found of a map's last jobs. */
export interface TailReading {
  /** No job of any map waits for a worker. */
  readonly isIdle: boolean;
  /** By first index: for how long the job has been running, in ms. Those that do not run are missing. */
  readonly runningMs: ReadonlyMap<number, number>;
}

/** Looks at jobs of a map, named by their first index. */
export async function lookAtTail(
  redis: Redis | Cluster,
  keys: QueueKeys,
  mapId: string,
  indices: readonly number[],
): Promise<TailReading> {
  const some = indices.slice(0, MAX_JOBS);
  const queue = [keys.job("wait"), keys.job("prioritized"), keys.job("meta"), keys.turns];
  const prefix = keys.job(jobIdOf(mapId, 0)).slice(0, -1);
  const [idle, ...found] = (await runScript(redis, LOOK, queue, [prefix, ...some])) as number[];
  const running = some.map((index, i): [number, number] => [index, found[i] ?? -1]);
  return { isIdle: idle === 1, runningMs: new Map(running.filter(([, ms]) => ms >= 0)) };
}
