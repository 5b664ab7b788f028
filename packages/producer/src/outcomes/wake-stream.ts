/**
 * A stream of the producer's own, read beside those of its maps: an entry in it ends the blocking read, so that the next
 * read reads maps that have begun meanwhile.
 */

import { randomBytes } from "node:crypto";
import { setImmediate } from "node:timers";

import type { Cluster, Redis } from "ioredis";

import type { QueueKeys } from "@poolmq/shared/redis";

export class WakeStream {
  readonly key: string;
  /** Id of the last entry that was read, so that a wake between two reads ends the next one at once. */
  cursor = "0-0";
  readonly #redis: Redis | Cluster;
  readonly #ttlMs: number;
  #isWaking = false;
  #closed = false;

  constructor(redis: Redis | Cluster, keys: QueueKeys, ttlMs: number) {
    this.#redis = redis;
    this.#ttlMs = ttlMs;
    this.key = keys.wake(randomBytes(9).toString("hex"));
  }

  /** Ends the blocking read, once for all maps that begin in this turn of the event loop. */
  wakeSoon(): void {
    if (this.#isWaking) return;
    this.#isWaking = true;
    setImmediate(() => {
      this.#isWaking = false;
      if (!this.#closed) this.#wake();
    });
  }

  close(): void {
    this.#closed = true;
  }

  async remove(): Promise<void> {
    await this.#redis.unlink(this.key).catch(() => {}); // it expires anyway
  }

  #wake(): void {
    const ignore = (): void => {}; // without it, the read ends by itself a little later
    this.#redis.xadd(this.key, "MAXLEN", 1, "*", "w", "1").catch(ignore);
    this.#redis.pexpire(this.key, this.#ttlMs).catch(ignore);
  }
}
