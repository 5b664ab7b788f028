/**
 * Maps with a `mapId`, which outlive their producer: begun or taken up by the same call, found by `attach()`. What of
 * them is in Redis is described in `durable-scripts.ts`.
 *
 * A map whose call has \`keepMs\` is kept for so long when it was delivered: for \`attach()\`, and the same call again. One of
 * which items failed is kept for \`poolmq retry\` and \`attach()\`; the same call again begins it anew.
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

/** A map that was delivered with failures is kept only if its outcomes together are no longer than this. */
const MAX_KEPT_LENGTH = 32 * 1024 * 1024;

/** What a durable map is, as far as it is known. */
export interface DurableMap {
  readonly task: string;
  /** Number of items; `undefined` until its producer has read the input to its end. */
  readonly total: number | undefined;
}

/** The queue in whose Redis they are. */
interface DurableQueue {
  readonly keys: QueueKeys;
  /** Present if other shards have other parts of the maps. */
  readonly shard?: unknown;
  /** What the server takes at most in one piece, as far as it tells. */
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
   * Begins a map, or takes up what is there. True if it was there.
   *
   * @param call - `total`: number of items, if it is known; `keepMs`: for how long it is kept once it was delivered
   * @param chunks - the first of them
   * @throws MapIdInUseError if that one has another task, other arguments or another chunksize; InvalidOptionError if
   * there are more items than Redis has room for in a durable map
   */
  async claim(
    mapId: string,
    call: {
      readonly task: string;
      readonly total: number | undefined;
      readonly keepMs: number | undefined;
      /** A limit holds for its items: all of them stay on one shard. */
      readonly isLimited?: boolean;
    },
    chunks: readonly Chunk[],
  ): Promise<boolean> {
    return await this.#claim(mapId, { ...call, begins: true }, chunks);
  }

  /** Goes on with a map. @throws MapIdInUseError, as `claim` */
  async add(mapId: string, task: string, chunks: readonly Chunk[]): Promise<void> {
    await this.#claim(mapId, { task, total: undefined, begins: false }, chunks);
  }

  /** The map's producer is alive. */
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

  /** The input was read to its end. @throws MapIdInUseError if an earlier call with this id had another length */
  async seal(mapId: string, total: number): Promise<void> {
    const theirs = await this.#scripts.seal(mapId, total, this.#seals.total(mapId, total));
    if (theirs !== total) throw new MapIdInUseError({ mapId, difference: `${theirs} items` });
  }

  /**
   * Gives what is known of a map.
   *
   * @throws UnknownMapError; IncompleteMapError if its producer died before it had read its input to the end;
   * SigningKeyError if its total is not signed with our key
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
   * Ends a map for everybody. Its producer, if it lives, takes keys that are gone for lost, and enqueues again what is
   * missing: it is told first. Its stream stays for a while, so that it learns of it even if it is slow.
   */
  async cancel(mapId: string, reason: string): Promise<void> {
    const message = this.#seals.control({ t: "cancel", map: mapId, reason });
    await askToCancel(this.#redis, this.#keys, mapId, message);
    await this.#scripts.drop(mapId);
  }

  /** The results are stored elsewhere: forgets a map that is kept. */
  async acknowledge(mapId: string): Promise<void> {
    await this.#scripts.drop(mapId);
  }

  /**
   * A map has ended. One that was delivered is kept as long as its call asked for; one of which items failed is kept for
   * a retry, if there is something to run again and it is not too large.
   *
   * @param gathered - its `length`: of all outcomes, in characters; `since` when they were read
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
    // If items failed on any shard, the others keep their part of the map for whoever takes it up.
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

/** Four bytes that tell chunks apart; never four zeros, which stand for a chunk that is not known. */
function digestOf({ n, args, bytes }: Chunk): Buffer {
  const hash = createHash("sha256").update(`${n}:`).update(args);
  if (bytes !== undefined) hash.update(bytes);
  const digest = hash.digest().subarray(0, 4);
  digest[0] = (digest[0] ?? 0) | 1;
  return digest;
}
