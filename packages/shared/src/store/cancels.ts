/**
 * Cancels of maps. From outside, a map's producer is asked, by an entry in the stream that it reads. The worker machines
 * are told twice: on the control channel, which reaches at once those that listen at that moment; and in a sorted set, at
 * which machines look with every heartbeat, for those that were cut off.
 */

import type { Cluster, Redis } from "ioredis";

import { CANCEL_TTL_MS } from "./keys/durations.ts";
import type { QueueKeys } from "./keys/keys.ts";
import { READ_CLOCK } from "./keys/redis-clock.ts";
import { runScript } from "../redis/run-script.ts";
import type { Script } from "../redis/run-script.ts";
import type { ControlMessage } from "../wire-control.ts";
import { toJson } from "../values/to-json.ts";

/** The clock of a promoted server may be a little behind that of the one before. */
const SKEW_MS = 5_000;

/** KEYS: cancelled. ARGV: map id, how long to keep it in ms, channel, message. */
const CANCEL: Script = {
  lua: `${READ_CLOCK}
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2])
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('PUBLISH', ARGV[3], ARGV[4])
return 1`,
};

/** KEYS: cancelled. ARGV: since when, in ms of Redis's time. Gives Redis's time in ms, then the map ids. */
const CANCELLED: Script = {
  lua: `${READ_CLOCK}
local found = redis.call('ZRANGEBYSCORE', KEYS[1], ARGV[1], '+inf')
table.insert(found, 1, tostring(now))
return found`,
};

/** KEYS: done, out. ARGV: message. Gives the id of the entry, or nil if the map is not open. */
const ASK: Script = {
  lua: `
if redis.call('EXISTS', KEYS[1]) == 0 then return false end
local id = redis.call('XADD', KEYS[2], '*', 'cancel', ARGV[1])
redis.call('PEXPIRE', KEYS[2], redis.call('PTTL', KEYS[1]))
return id`,
};

/** Asks the producer of a map to cancel it. Gives a function that takes that back, if nobody has read it yet. */
export async function askToCancel(
  redis: Redis | Cluster,
  keys: QueueKeys,
  mapId: string,
  message: ControlMessage,
): Promise<() => Promise<void>> {
  const out = keys.out(mapId);
  const id = await runScript(redis, ASK, [keys.done(mapId), out], [toJson(message)]);
  return async () => {
    if (typeof id === "string") await redis.xdel(out, id);
  };
}

/**
 * Tells the machines of a queue that nobody wants a map any more.
 *
 * @param message - the control message, signed if the queue has a `signingKey`
 */
export async function tellCancelled(
  redis: Redis | Cluster,
  keys: QueueKeys,
  mapId: string,
  message: ControlMessage,
): Promise<void> {
  const args = [mapId, CANCEL_TTL_MS, keys.control, toJson(message)];
  await runScript(redis, CANCEL, [keys.cancelled], args);
}

/** Reads the cancels of a queue for one machine, including those that it missed while it was not listening. */
export class CancelReader {
  readonly #redis: Redis | Cluster;
  readonly #keys: QueueKeys;
  #since = Infinity;

  constructor(redis: Redis | Cluster, keys: QueueKeys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  /** Ids of the maps that were cancelled since the last call; the first call gives none. May name one twice. */
  async read(): Promise<string[]> {
    const since = this.#since === Infinity ? "+inf" : this.#since;
    const [now, ...mapIds] = (await runScript(
      this.#redis,
      CANCELLED,
      [this.#keys.cancelled],
      [since],
    )) as string[];
    this.#since = Number(now) - SKEW_MS;
    return mapIds;
  }
}
