/** The worker machines of a queue: each signs on with every heartbeat, and off when it ends. */

import type { Cluster, Redis } from "ioredis";

import { AskTogether } from "../../host/ask-together.ts";
import { MACHINE_KEPT_MS, MACHINE_TTL_MS } from "../keys/durations.ts";
import type { QueueKeys } from "../keys/keys.ts";
import { readAdvertisement } from "./read-advertisement.ts";
import { READ_CLOCK } from "../keys/redis-clock.ts";
import { runScript } from "../../redis/run-script.ts";
import type { Script } from "../../redis/run-script.ts";
import type { WorkerAdvertisement } from "../../wire.ts";

/**
 * KEYS: workers, worker-info, worker-detail, watch, listen. ARGV: id, advertisement, how long a silent machine is
 * remembered in ms, the detail for watchers or "", and how long that is kept in ms. Gives 1 if somebody watches, 2 if somebody
 * reads the logs, 3 if both.
 */
const ADVERTISE: Script = {
  lua: `${READ_CLOCK}
-- First, since a full Redis refuses a ZADD, unless the script has changed something before: machines that live are seen
-- then, too.
redis.call('HDEL', KEYS[3], ARGV[1])
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
local stale = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[3])
for _, id in ipairs(stale) do
  redis.call('ZREM', KEYS[1], id)
  redis.call('HDEL', KEYS[2], id)
  redis.call('HDEL', KEYS[3], id)
end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
if ARGV[4] ~= '' then
  redis.call('HSET', KEYS[3], ARGV[1], ARGV[4])
  redis.call('PEXPIRE', KEYS[3], ARGV[5])
end
return redis.call('EXISTS', KEYS[4]) + 2 * redis.call('EXISTS', KEYS[5])`,
};

/** KEYS: workers, worker-info. ARGV: a time in ms. Gives the advertisements of the machines whose last heartbeat is not older. */
const LIVE: Script = {
  lua: `${READ_CLOCK}
local live = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], now - ARGV[1], '+inf')) do
  live[#live + 1] = redis.call('HGET', KEYS[2], id)
end
return live`,
};

export class Machines {
  readonly #redis: Redis | Cluster;
  readonly #keys: QueueKeys;
  /** A machine without the function of a map asks for each of its jobs. */
  readonly #remembered = new AskTogether(async () => await this.#heardWithin(MACHINE_KEPT_MS));

  constructor(redis: Redis | Cluster, keys: QueueKeys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  /**
   * Writes a machine's heartbeat. Gives whether somebody watches the queue, and whether somebody reads the logs.
   *
   * @param detail - what the machine runs now, which only watchers need
   */
  async advertise(
    id: string,
    advertisement: string,
    detail = "",
  ): Promise<{ readonly isWatched: boolean; readonly isHeard: boolean }> {
    const { workers, workerInfo, workerDetail, watch, listen } = this.#keys;
    const keys = [workers, workerInfo, workerDetail, watch, listen];
    const args = [id, advertisement, MACHINE_KEPT_MS, detail, MACHINE_TTL_MS];
    const wanted = Number(await runScript(this.#redis, ADVERTISE, keys, args));
    return { isWatched: wanted % 2 === 1, isHeard: wanted >= 2 };
  }

  /** Removes a machine that ends. */
  async signOff(id: string): Promise<void> {
    await Promise.all([
      this.#redis.zrem(this.#keys.workers, id),
      this.#redis.hdel(this.#keys.workerInfo, id),
      this.#redis.hdel(this.#keys.workerDetail, id),
    ]);
  }

  /** The advertisements of the machines that are alive by Redis's clock. */
  async live(): Promise<WorkerAdvertisement[]> {
    return await this.#heardWithin(MACHINE_TTL_MS);
  }

  /** Those, and those of machines that fell silent a short while ago without signing off, and may come back. */
  async remembered(): Promise<WorkerAdvertisement[]> {
    return [...(await this.#remembered.ask())];
  }

  async #heardWithin(ms: number): Promise<WorkerAdvertisement[]> {
    const keys = [this.#keys.workers, this.#keys.workerInfo];
    const texts = (await runScript(this.#redis, LIVE, keys, [ms])) as unknown[];
    return texts.flatMap((text) => readAdvertisement(text) ?? []);
  }
}
