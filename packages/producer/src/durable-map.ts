/** What a map with a `mapId` leaves in Redis beside its outcomes, so that another process can take it up. */

import { createHash } from "node:crypto";

import type { Cluster, Redis } from "ioredis";

import { IncompleteMapError, MapIdInUseError, UnknownMapError } from "@poolmq/shared";
import type { QueueKeys } from "@poolmq/shared/internal";

import type { Chunk } from "./map-run.ts";

/** How long a durable map waits for someone to fetch it, in ms. */
export const DURABLE_TTL_MS: number = 24 * 60 * 60_000;

/** A producer that has not been heard of for this long will not enqueue the rest of its input. */
const PRODUCER_SILENCE_MS = 15_000;

/** What a durable map is, as far as it is known. */
export interface DurableMap {
  readonly task: string;
  /** Number of items; `undefined` until its producer has read the input to its end. */
  readonly total: number | undefined;
}

export class DurableMaps {
  readonly #redis: Redis | Cluster;
  readonly #keys: QueueKeys;

  constructor(redis: Redis | Cluster, keys: QueueKeys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  /**
   * Registers a map, or takes up the one that is there.
   *
   * @throws MapIdInUseError if that one has another task, chunksize or first chunk
   */
  async claim(mapId: string, task: string, first: Chunk | undefined): Promise<void> {
    const key = this.#keys.meta(mapId);
    const mine = {
      task,
      first:
        first === undefined ? "none" : `${first.n}:${createHash("sha256").update(first.args).digest("hex")}`,
    };
    for (const [field, value] of Object.entries(mine)) {
      if ((await this.#redis.hsetnx(key, field, value)) === 1) continue;
      const theirs = await this.#redis.hget(key, field);
      if (theirs === value) continue;
      const difference = field === "task" ? `task "${theirs}"` : "other arguments or another chunksize";
      throw new MapIdInUseError({ mapId, difference });
    }
    await this.beat(mapId);
  }

  /** The map's producer is alive. */
  async beat(mapId: string): Promise<void> {
    const key = this.#keys.meta(mapId);
    await this.#redis.pipeline().hset(key, "beat", Date.now()).pexpire(key, DURABLE_TTL_MS).exec();
  }

  /** The input was read to its end. @throws MapIdInUseError if an earlier call with this id had another length */
  async seal(mapId: string, total: number): Promise<void> {
    const key = this.#keys.meta(mapId);
    if ((await this.#redis.hsetnx(key, "total", total)) === 1) return;
    const theirs = await this.#redis.hget(key, "total");
    if (Number(theirs) !== total) throw new MapIdInUseError({ mapId, difference: `${theirs} items` });
  }

  /**
   * Gives what is known of a map.
   *
   * @throws UnknownMapError, IncompleteMapError if its producer died before it had read its input to the end
   */
  async find(mapId: string): Promise<DurableMap> {
    const { task, total, beat } = await this.#redis.hgetall(this.#keys.meta(mapId));
    if (task === undefined) throw new UnknownMapError({ mapId });
    // Wall clocks of two machines: the limit is wide enough for clocks that are kept.
    if (total === undefined && Date.now() - Number(beat ?? 0) > PRODUCER_SILENCE_MS) {
      throw new IncompleteMapError({ mapId, reason: "its producer died before it had enqueued all items" });
    }
    return { task, total: total === undefined ? undefined : Number(total) };
  }
}
