/**
 * Maps with a `mapId`, which outlive their producer: begun or taken up by the same call, found by `attach()`. Their keys
 * in Redis are described in `durable-scripts.ts`.
 *
 * A map whose call has `keepMs` is kept for that time after it was delivered: for `attach()`, and the same call again. A
 * map with failed items is kept for `poolmq retry` and `attach()`; the same call again begins it anew.
 */

import { createHash } from "node:crypto";

import type { Cluster, Redis } from "ioredis";

import { IncompleteMapError, MapIdInUseError, UnknownMapError } from "@poolmq/shared";
import { askToCancel, DurableScripts, PRODUCER_SILENCE_MS } from "@poolmq/shared/redis";
import type { LargestValue, QueueKeys } from "@poolmq/shared/redis";

import type { Chunk } from "../../input/chunk.ts";
import type { MapEnd } from "../../map/outcomes/sink.ts";
import type { CarriedMap } from "../../map/transport.ts";
import type { Seals } from "../../signing/seals.ts";
import { checkDurableSize } from "./durable-size.ts";

/** A map that was delivered with failures is kept only if its outcomes together have at most this many characters. */
const MAX_KEPT_LENGTH = 32 * 1024 * 1024;

/** What is known of a durable map. */
export interface DurableMap {
  readonly task: string;
  /** Number of items; `undefined` until its producer has read the input to its end. */
  readonly total: number | undefined;
}

/** The queue in whose Redis they are. */
interface DurableQueue {
  readonly keys: QueueKeys;
  /** Set if other shards have other parts of the maps. */
  readonly shard?: unknown;
  /** The largest value that the server takes, if it limits that. */
  readonly largest?: LargestValue | undefined;
}

export class DurableMaps {
  readonly #redis: Redis | Cluster;
  readonly #keys: QueueKeys;
  readonly #scripts: DurableScripts;
  readonly #seals: Seals;
  readonly #isShard: boolean;
  readonly #largest: LargestValue | undefined;

  constructor(redis: Redis | Cluster, { keys, shard, largest }: DurableQueue, seals: Seals) {
    this.#redis = redis;
    this.#keys = keys;
    this.#scripts = new DurableScripts(redis, keys);
    this.#seals = seals;
    this.#isShard = shard !== undefined;
    this.#largest = largest;
  }

  /**
   * Begins a map, or takes up an existing one. True if it existed.
   *
   * @param call - `total`: number of items, if it is known; `keepMs`: how long it is kept after it was delivered
   * @param chunks - the first of them
   * @throws MapIdInUseError if that one has another task, other arguments or another chunksize; InvalidOptionError if
   * it has more items than a durable map can have
   */
  async claim(
    mapId: string,
    call: {
      readonly task: string;
      readonly total: number | undefined;
      readonly keepMs: number | undefined;
      /** Whether a limit holds for its items, so that all of them stay on one shard. */
      readonly isLimited?: boolean;
    },
    chunks: readonly Chunk[],
  ): Promise<boolean> {
    return await this.#claim(mapId, { ...call, begins: true }, chunks);
  }

  /** Claims further chunks of a map. @throws MapIdInUseError, as `claim` */
  async add(mapId: string, task: string, chunks: readonly Chunk[]): Promise<void> {
    await this.#claim(mapId, { task, total: undefined, begins: false }, chunks);
  }

  /** Gives a sign of life of the map's producer. */
  async beat(
    mapId: string,
    facts: {
      readonly task: string;
      readonly total: number | undefined;
      readonly keepMs: number | undefined;
    },
  ): Promise<void> {
    const { total } = facts;
    const sig = total === undefined ? "" : this.#seals.total(mapId, total);
    await this.#scripts.beat(mapId, { ...facts, sig });
  }

  /**
   * Notes that the input was read to its end. @throws MapIdInUseError if an earlier call with this id had another length
   */
  async seal(mapId: string, total: number): Promise<void> {
    const theirs = await this.#scripts.seal(mapId, total, this.#seals.total(mapId, total));
    if (theirs !== total) throw new MapIdInUseError({ mapId, difference: `${theirs} items` });
  }

  /**
   * Gives what is known of a map.
   *
   * @throws UnknownMapError; IncompleteMapError if its producer died before it had read its input to the end;
   * SigningKeyError if its total is not signed with this producer's key
   */
  async find(mapId: string): Promise<DurableMap> {
    const found = await this.#scripts.find(mapId);
    if (found === undefined) throw new UnknownMapError({ mapId });
    const { task, total, silentMs, sig } = found;
    if (total === "" && silentMs > PRODUCER_SILENCE_MS) {
      throw new IncompleteMapError({ mapId, reason: "its producer died before it had enqueued all items" });
    }
    if (total === "") return { task, total: undefined };
    this.#seals.checkTotal(mapId, Number(total), sig);
    return { task, total: Number(total) };
  }

  /**
   * Whether a map that is not there any more, and was, has ended: it leaves its outcomes for a while to those who read
   * them. Otherwise Redis has lost it.
   */
  async hasEnded(mapId: string): Promise<boolean> {
    return (await this.#redis.exists(this.#keys.out(mapId))) === 1;
  }

  /**
   * Ends a map for all processes. Its producer is told first: if it lives, it would take missing keys for lost, and
   * enqueue jobs again. The stream stays for a while, so that even a slow producer learns of it.
   */
  async cancel(mapId: string, reason: string): Promise<void> {
    const message = this.#seals.control({ t: "cancel", map: mapId, reason });
    await askToCancel(this.#redis, this.#keys, mapId, message);
    await this.#scripts.drop(mapId);
  }

  /** Forgets a map that is kept, because its results are stored elsewhere. */
  async acknowledge(mapId: string): Promise<void> {
    await this.#scripts.drop(mapId);
  }

  /**
   * Ends a map. A map that was delivered is kept as long as its call asked for. A map with failed items is kept for a
   * retry, if there is something to run again and it is not too large.
   *
   * @param gathered - `length` of all outcomes, in characters; `since` when they were read
   */
  async end(
    {
      map,
      length,
      since,
    }: { readonly map: Pick<CarriedMap, "id" | "progress">; readonly length: number; readonly since: number },
    end: MapEnd,
  ): Promise<void> {
    if ("error" in end) return await this.#scripts.drop(map.id);
    const mayBeRetried = map.progress.failed > 0 && length <= MAX_KEPT_LENGTH;
    // If items failed on any shard, the other shards keep their parts of the map too.
    const isKept = mayBeRetried && this.#isShard;
    await this.#scripts.deliver(map.id, { forMs: performance.now() - since, mayBeRetried, isKept });
  }

  async #claim(
    mapId: string,
    call: Parameters<DurableScripts["claim"]>[1],
    chunks: readonly Chunk[],
  ): Promise<boolean> {
    const last = chunks.at(-1);
    checkDurableSize(Math.max(call.total ?? 0, last === undefined ? 0 : last.at + last.n), this.#largest);
    const digests = chunks.map((chunk) => [chunk.at, digestOf(chunk)] as const);
    const reply = await this.#scripts.claim(mapId, call, digests);
    if (typeof reply === "string") throw new MapIdInUseError({ mapId, difference: reply });
    return reply;
  }
}

/** Four bytes that tell chunks apart; never four zeros, which stand for an unknown chunk. */
function digestOf({ n, args, bytes }: Chunk): Buffer {
  const hash = createHash("sha256").update(`${n}:`).update(args);
  if (bytes !== undefined) hash.update(bytes);
  const digest = hash.digest().subarray(0, 4);
  digest[0] = (digest[0] ?? 0) | 1;
  return digest;
}
