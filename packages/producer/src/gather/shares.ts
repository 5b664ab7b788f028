/** Values that many items use: each is in Redis once, as long as its pool lives. */

import { DURABLE_TTL_MS, settlesWithin } from "@poolmq/shared/internal";
import type { Payload, QueueKeys } from "@poolmq/shared/internal";
import type { Cluster, Redis } from "ioredis";

import { CLEAN_UP_TIMEOUT_MS } from "./clean-up.ts";
import { untilTaken } from "./retry-refused.ts";
import type { Seals } from "./seals.ts";

interface SharesOptions {
  readonly redis: Redis | Cluster;
  readonly keys: QueueKeys;
  readonly seals: Seals;
  warn(facts: Readonly<Record<string, unknown>>, message: string): void;
}

export class Shares {
  readonly #options: SharesOptions;
  #closed = false;

  constructor(options: SharesOptions) {
    this.#options = options;
  }

  /** Sends a value. */
  async send(shareId: string, payload: Payload, bytes: Buffer | undefined): Promise<void> {
    const { redis, keys, seals } = this.#options;
    const sealed = seals.share(shareId, payload, bytes);
    const set = (): Promise<unknown> => redis.set(keys.share(shareId), sealed, "PX", DURABLE_TTL_MS);
    await untilTaken(set, {
      isWanted: () => !this.#closed,
      onRefused: (error) => this.#options.warn({ shareId, err: error }, "Redis refused, trying again"),
    });
  }

  /** Removes values, here and from the machines that keep them. */
  async release(shareIds: readonly string[]): Promise<void> {
    if (shareIds.length === 0) return;
    const { redis, keys, seals } = this.#options;
    // They have a TTL too, and machines forget those that nobody asks for.
    const unlinked = redis.unlink(...shareIds.map((id) => keys.share(id)));
    const message = seals.control({ t: "unshare", shares: shareIds });
    const told = redis.publish(keys.control, JSON.stringify(message));
    await settlesWithin(CLEAN_UP_TIMEOUT_MS, Promise.all([unlinked, told]));
  }

  close(): void {
    this.#closed = true;
  }
}
