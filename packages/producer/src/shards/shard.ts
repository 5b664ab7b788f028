/**
 * One shard of a queue, as a producer sees it: a gather on one Redis, and whether that Redis answers.
 *
 * States:
 * - `serving`: it answers. Leaves to `silent` when it has owed an answer for most of a second.
 * - `silent`: what can go elsewhere does. Leaves to `returning` with the first answer.
 * - `returning`: what is left of maps there is put in order. Leaves to `serving` when that is done, or to `silent`.
 */

import { classifyRefusal } from "@poolmq/shared/internal";
import type { LargestValue, QueueKeys } from "@poolmq/shared/redis";
import { removeWaiting } from "@poolmq/shared/redis";
import type { Cluster, Redis } from "ioredis";

import type { Gather } from "../gather/gather.ts";
import type { OpenGather } from "../gather/open-gather.ts";

/** How often each shard is asked whether it is there, while there are maps. */
export const LOOK_MS = 250;

/**
 * A shard that owes an answer for so many looks is silent: after a second at most. Looks are counted, and not time: while the
 * program computes, answers wait in the socket, and Redis is not to blame.
 */
const SILENT_LOOKS = 3;

/** Refusals of a server that is not there, or not yet. */
const AWAY: ReadonlySet<string> = new Set(["connection", "loading", "failover"]);

interface ShardHooks {
  onSilent(shard: Shard): void;
  /** It answers again. Resolves once it may serve. */
  onReturn(shard: Shard): Promise<void>;
  /** It serves again. */
  onServing(shard: Shard): void;
}

export class Shard {
  /** For messages. */
  readonly address: string;
  readonly keys: QueueKeys;
  /** Among the shards; `undefined` until all have agreed. */
  id: string | undefined;
  /** Whether machines were alive there when it was last looked. */
  hasMachines = true;
  readonly #open: OpenGather;
  readonly #hooks: ShardHooks;
  readonly #answer = { isOwed: false, looks: 0 };
  readonly #untilSilent = new Set<() => void>();
  #state: "serving" | "silent" | "returning" = "serving";

  constructor(address: string, keys: QueueKeys, open: OpenGather, hooks: ShardHooks) {
    this.address = address;
    this.keys = keys;
    this.#open = open;
    this.#hooks = hooks;
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

  /** Gives what the promise gives; `undefined` if the shard falls silent before, or is. */
  async unlessSilent<V>(promise: Promise<V>): Promise<V | undefined> {
    if (this.#state === "silent") {
      promise.catch(() => {}); // nobody waits for it
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

  /** Asks whether it is there, unless the last answer is owed. To be called every `LOOK_MS` while there are maps. */
  look(): void {
    this.#answer.looks++;
    if (this.#answer.looks > SILENT_LOOKS && this.#state !== "silent") this.#fallSilent();
    if (this.#answer.isOwed) return;
    this.#answer.isOwed = true;
    this.redis.exists(this.keys.shards).then(
      () => this.#answered(),
      (error: unknown) => {
        if (AWAY.has(classifyRefusal(error).reason)) this.#answer.isOwed = false;
        else this.#answered();
      },
    );
  }

  /** Nobody looks for a while. */
  rest(): void {
    if (!this.#answer.isOwed) this.#answer.looks = 0;
  }

  /** Removes those jobs of a map that wait here. */
  async removeWaiting(mapId: string, indices: readonly number[]): Promise<void> {
    await removeWaiting(this.redis, this.keys, mapId, indices);
  }

  async close(): Promise<void> {
    this.#hurry();
    await this.#open.close();
  }

  #answered(): void {
    this.#answer.isOwed = false;
    this.#answer.looks = 0;
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

  /** Who waits for an answer waits no longer. */
  #hurry(): void {
    for (const silent of this.#untilSilent) silent();
    this.#untilSilent.clear();
  }
}
