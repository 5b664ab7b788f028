/**
 * One shard of a queue, as a producer sees it: a gather on one Redis, and whether that Redis answers.
 *
 * States:
 * - `serving`: it answers. Leaves to `silent` when nothing has come from it for most of a second, or for longer if it was slow
 *   before (see `Silence`).
 * - `silent`: chunks that can go elsewhere do. Leaves to `returning` with the first answer.
 * - `returning`: remains of maps on it are put in order. Leaves to `serving` when that is done, or to `silent`.
 */

import { classifyRefusal } from "@poolmq/shared/internal";
import type { LargestValue, QueueKeys } from "@poolmq/shared/redis";
import { Listener, Silence, removeWaiting } from "@poolmq/shared/redis";
import type { Cluster, Redis } from "ioredis";

import type { Gather } from "../gather/gather.ts";
import type { OpenGather } from "../gather/open-gather.ts";

/** How often each shard is pinged while there are maps, in ms. */
export const LOOK_MS = 250;

/**
 * A shard from which nothing has come for more than this many looks is silent. That takes a second at most, and longer if the
 * shard was slow before (see `Silence`).
 */
const SILENT_LOOKS = 3;

/** Refusals of a server that can't be reached, or is not ready. */
const AWAY: ReadonlySet<string> = new Set(["connection", "loading", "failover"]);

interface ShardHooks {
  onSilent(shard: Shard): void;
  /** Called when the shard answers again. Resolves once it may serve. */
  onReturn(shard: Shard): Promise<void>;
  /** Called when the shard serves again. */
  onServing(shard: Shard): void;
}

export class Shard {
  /** For messages. */
  readonly address: string;
  readonly keys: QueueKeys;
  /** Its id among the shards; `undefined` until they are agreed on. */
  id: string | undefined;
  /** Whether machines were alive on it at the last look. */
  hasMachines = true;
  readonly #open: OpenGather;
  readonly #hooks: ShardHooks;
  #isOwed = false;
  readonly #silence = new Silence(SILENT_LOOKS);
  readonly #listener: Listener;
  readonly #untilSilent = new Set<() => void>();
  #state: "serving" | "silent" | "returning" = "serving";

  constructor(address: string, keys: QueueKeys, open: OpenGather, hooks: ShardHooks) {
    this.address = address;
    this.keys = keys;
    this.#open = open;
    this.#hooks = hooks;
    this.#listener = new Listener(open.redis, open.blocking);
  }

  get gather(): Gather {
    return this.#open.gather;
  }

  get redis(): Redis | Cluster {
    return this.#open.redis;
  }

  get largest(): LargestValue | undefined {
    return this.#open.largest;
  }

  get isServing(): boolean {
    return this.#state === "serving";
  }

  get isSilent(): boolean {
    return this.#state === "silent";
  }

  /** Gives the promise's value; `undefined` if the shard is silent, or falls silent before. */
  async unlessSilent<V>(promise: Promise<V>): Promise<V | undefined> {
    if (this.#state === "silent") {
      promise.catch(() => {}); // its result is not needed any more
      return undefined;
    }
    const { promise: silence, resolve } = Promise.withResolvers<undefined>();
    const silent = (): void => resolve(undefined);
    this.#untilSilent.add(silent);
    try {
      return await Promise.race([promise, silence]);
    } finally {
      this.#untilSilent.delete(silent);
    }
  }

  /** Pings it, unless the last answer is outstanding. To be called every `LOOK_MS` while there are maps. */
  look(): void {
    this.#silence.look(this.#listener.hasHeard());
    if (this.#silence.isSilent && this.#state !== "silent") this.#fallSilent();
    if (this.#isOwed) return;
    this.#isOwed = true;
    this.redis.exists(this.keys.shards).then(
      () => this.#answered(),
      (error: unknown) => {
        if (AWAY.has(classifyRefusal(error).reason)) this.#isOwed = false;
        else this.#answered();
      },
    );
  }

  /** Stops counting looks, because there are no maps for a while. */
  rest(): void {
    if (!this.#isOwed) this.#silence.rest();
  }

  /** Removes the waiting jobs of a map from this shard. */
  async removeWaiting(mapId: string, indices: readonly number[]): Promise<void> {
    await removeWaiting(this.redis, this.keys, mapId, indices);
  }

  async close(): Promise<void> {
    this.#hurry();
    await this.#open.close();
  }

  #answered(): void {
    this.#isOwed = false;
    this.#silence.answered();
    if (this.#state !== "silent") return;
    this.#state = "returning";
    const serve = (): void => {
      if (this.#state !== "returning") return;
      this.#state = "serving";
      this.#hooks.onServing(this);
    };
    this.#hooks.onReturn(this).then(serve, serve);
  }

  #fallSilent(): void {
    const wasServing = this.#state === "serving";
    this.#state = "silent";
    this.#hurry();
    if (wasServing) this.#hooks.onSilent(this);
  }

  /** Ends all waits for an answer. */
  #hurry(): void {
    for (const silent of this.#untilSilent) silent();
    this.#untilSilent.clear();
  }
}
