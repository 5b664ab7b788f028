/**
 * Values that many items use. Each stays in Redis until its pool ends or it is released: it is kept from expiring, and
 * sent again if Redis has lost it. The pool keeps a copy for that.
 *
 * If the pool dies, a value stays for as long as the keys of a plain map do; or of a durable map, once one uses it.
 */

import { settlesWithin, toJson } from "@poolmq/shared/internal";
import { DURABLE_TTL_MS, MAP_TTL_MS, renewShares } from "@poolmq/shared/redis";
import type { Payload } from "@poolmq/shared/internal";
import type { QueueKeys } from "@poolmq/shared/redis";
import type { Cluster, Redis } from "ioredis";

import { CLEAN_UP_TIMEOUT_MS } from "./clean-up.ts";
import type { Chunk } from "../input/chunk.ts";
import { untilTaken } from "../redis/retry-refused.ts";
import type { Seals } from "../signing/seals.ts";

/** How often values are renewed, in ms. A machine that starts may miss a value that Redis has lost for this long. */
const RENEW_MS = 4_000;

interface SharesOptions {
  readonly redis: Redis | Cluster;
  readonly keys: QueueKeys;
  readonly seals: Seals;
  warn(facts: Readonly<Record<string, unknown>>, message: string): void;
}

export class Shares {
  readonly #options: SharesOptions;
  /** By id: the value as Redis is to hold it. */
  readonly #values = new Map<string, string | Buffer>();
  /**
   * Values that maps use which outlive this pool, and whether Redis has been told so. Values of other pools may be among
   * them.
   */
  readonly #lasting = new Map<string, boolean>();
  #renewedAt = 0;
  /** Whether a renewal is under way, so that renewals do not pile up while Redis is away. */
  #renewing = false;
  #closed = false;

  constructor(options: SharesOptions) {
    this.#options = options;
  }

  /** Sends a value. */
  async send(shareId: string, payload: Payload, bytes: Buffer | undefined): Promise<void> {
    this.#values.set(shareId, this.#options.seals.share(shareId, payload, bytes));
    this.#renewedAt = performance.now();
    await this.#set(shareId);
  }

  /** Whether all of these values are this pool's and not released. */
  has(shareIds: readonly string[]): boolean {
    return shareIds.every((id) => this.#values.has(id));
  }

  /**
   * Lets values stay for as long as a durable map does, whose items may run when this pool is gone. To be called before
   * jobs that use them are added.
   */
  async outlast(shareIds: readonly string[]): Promise<void> {
    const untold = shareIds.filter((id) => this.#lasting.get(id) !== true);
    if (untold.length === 0) return;
    // Renewals that begin meanwhile know it already.
    for (const id of untold) this.#lasting.set(id, false);
    await this.renew(untold);
    // They may have been released, or be gone.
    for (const id of untold) if (this.#lasting.has(id)) this.#lasting.set(id, true);
  }

  /** Keeps values from expiring, and sends missing ones again. */
  async renew(
    shareIds: readonly string[] = [...new Set([...this.#values.keys(), ...this.#lasting.keys()])],
  ): Promise<void> {
    const { redis, keys } = this.#options;
    const { short = [], long = [] } = Object.groupBy(shareIds, (id) =>
      this.#lasting.has(id) ? "long" : "short",
    );
    const found = await Promise.all([
      renewShares(redis, keys, short, MAP_TTL_MS),
      renewShares(redis, keys, long, DURABLE_TTL_MS),
    ]);
    const gone = found.flat().filter((id) => this.#values.has(id));
    // Only the pool that has sent a value can send it again.
    for (const id of found.flat()) if (!this.#values.has(id)) this.#lasting.delete(id);
    if (gone.length > 0) {
      this.#options.warn({ shares: gone.length }, "shared values vanished from Redis, sending them again");
    }
    await Promise.all(gone.map((id) => this.#set(id)));
  }

  /** To be called now and then. */
  tick(now: number): void {
    const isEmpty = this.#values.size === 0 && this.#lasting.size === 0;
    if (this.#renewing || isEmpty || now - this.#renewedAt < RENEW_MS) return;
    this.#renewing = true;
    this.#renewedAt = now;
    this.renew()
      .catch((error: unknown) => this.#options.warn({ err: error }, "shared values not renewed"))
      .finally(() => (this.#renewing = false));
  }

  /** Removes values from Redis, and tells machines to forget them. */
  async release(shareIds: readonly string[] = [...this.#values.keys()]): Promise<void> {
    if (shareIds.length === 0) return;
    for (const id of shareIds) {
      this.#values.delete(id);
      this.#lasting.delete(id);
    }
    const { redis, keys, seals } = this.#options;
    const message = seals.control({ t: "unshare", shares: shareIds });
    // Asked again while Redis refuses, for as long as the pool lives: a value would stay for long otherwise.
    const removed = untilTaken(
      () =>
        Promise.all([
          redis.unlink(...shareIds.map((id) => keys.share(id))),
          redis.publish(keys.control, toJson(message)),
        ]),
      {
        isWanted: () => !this.#closed,
        onRefused: (error) =>
          this.#options.warn({ shares: shareIds.length, err: error }, "shared values not removed yet"),
      },
    );
    // If this fails, they expire, and machines forget values that nobody uses.
    await settlesWithin(CLEAN_UP_TIMEOUT_MS, removed);
  }

  close(): void {
    this.#closed = true;
  }

  async #set(shareId: string): Promise<void> {
    const { redis, keys } = this.#options;
    const set = async (): Promise<void> => {
      const value = this.#values.get(shareId);
      // It may have been released meanwhile.
      const ttlMs = this.#lasting.has(shareId) ? DURABLE_TTL_MS : MAP_TTL_MS;
      if (value !== undefined) await redis.set(keys.share(shareId), value, "PX", ttlMs);
    };
    await untilTaken(set, {
      isWanted: () => !this.#closed && this.#values.has(shareId),
      onRefused: (error) => this.#options.warn({ shareId, err: error }, "Redis refused, trying again"),
    });
  }
}

/** Ids of the shared values that chunks use. */
export function sharesOf(chunks: readonly Chunk[]): readonly string[] {
  return [...new Set(chunks.flatMap(({ shares }) => shares.map(([, id]) => id)))];
}
