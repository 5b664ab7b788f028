/**
 * The shards of a queue: opened, agreed on with everybody else, watched. A pool starts when one of them answers; the others
 * join when they do.
 */

import { setTimeout as delay } from "node:timers/promises";

import { RedisConnectionError } from "@poolmq/shared";
import { settlesWithin } from "@poolmq/shared/internal";
import { agreeOnShards } from "@poolmq/shared/redis";
import type { ShardPlace } from "@poolmq/shared/redis";

import type { Shard } from "./shard.ts";

/** Once one shard is there, the others get so long to be there at the start. */
const OTHERS_MS = 1_000;

/** A shard that was not there is tried again after so long. */
const AGAIN_MS = 500;

/** Who needs all shards is told after so long which of them are missing. */
const PATIENCE_MS = 1_000;

/** Where a shard is, and how it is opened. */
export interface ShardSite {
  readonly address: string;
  /** Connects. @param isFirst - as long as the pool's options allow; later, what is not there is soon tried again */
  open(isFirst: boolean): Promise<Shard>;
}

interface ListHooks {
  /** A shard is there that was not at the start. */
  onJoin(shard: Shard): void;
  alarm(message: string): void;
}

export class ShardList {
  readonly #queue: string;
  readonly #sites: readonly ShardSite[];
  readonly #hooks: ListHooks;
  readonly #signal: AbortSignal;
  /** By site; absent: never there yet. */
  readonly #shards: (Shard | undefined)[];
  readonly #untilAll = new Set<() => void>();
  #ids: readonly string[] | undefined;

  /**
   * @param sites - in an order that is the same for all who have the same shards
   * @param signal - ends what is still trying to connect
   */
  constructor(queue: string, sites: readonly ShardSite[], hooks: ListHooks, signal: AbortSignal) {
    this.#queue = queue;
    this.#sites = sites;
    this.#hooks = hooks;
    this.#signal = signal;
    this.#shards = sites.map(() => undefined);
  }

  /** Those that were there at least once. */
  get joined(): Shard[] {
    return this.#shards.filter((shard) => shard !== undefined);
  }

  /** The pool has ended: what is asked of a shard is refused, and nobody waits for it. */
  get isClosed(): boolean {
    return this.#signal.aborted;
  }

  get serving(): Shard[] {
    return this.joined.filter(({ isServing }) => isServing);
  }

  /** Ids of all; `undefined` until all have agreed. */
  get ids(): readonly string[] | undefined {
    return this.#ids;
  }

  /**
   * Resolves once some shards are there, and all of those that answer soon.
   *
   * @throws RedisConnectionError if none is, or if one can't be used; ShardMismatchError
   */
  async start(): Promise<void> {
    const { promise: hopeless, reject: giveUp } = Promise.withResolvers<never>();
    const first = Promise.withResolvers<void>();
    const attempts = this.#sites.map(async (site, place) => {
      try {
        this.#shards[place] = await site.open(true);
        first.resolve();
      } catch (error) {
        if (!mayComeBack(error)) giveUp(error);
        throw error;
      }
    });
    const all = Promise.allSettled(attempts);
    hopeless.catch(() => {}); // whoever still waits is told
    await Promise.race([hopeless, Promise.any([first.promise, all])]);
    await Promise.race([hopeless, settlesWithin(OTHERS_MS, all)]);
    if (this.joined.length === 0) {
      // All have failed: each with what the first one failed with, or the like.
      await Promise.all(attempts);
    }
    await this.agree();
    for (const [place, attempt] of attempts.entries()) {
      if (this.#shards[place] === undefined) void this.#joinLater(place, attempt);
    }
  }

  /** Asks all that are there over which shards the queue is spread. @throws ShardMismatchError */
  async agree(): Promise<void> {
    const places = this.#shards.map((shard): ShardPlace | undefined =>
      shard?.isSilent === true ? undefined : shard,
    );
    const addresses = this.#sites.map(({ address }) => address);
    const { ids, own } = await agreeOnShards(places, { queue: this.#queue, who: "producer", addresses });
    this.#ids ??= ids;
    for (const [place, shard] of this.#shards.entries()) if (shard !== undefined) shard.id ??= own[place];
    if (!this.#isWhole) return;
    for (const there of this.#untilAll) there();
    this.#untilAll.clear();
  }

  /**
   * Waits until all shards were there once, and their ids are known.
   *
   * @param who - for the warning, if it takes long: "Map x"
   */
  async all(who: string): Promise<readonly Shard[]> {
    if (!this.#isWhole) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#untilAll.add(resolve);
      if (!(await settlesWithin(PATIENCE_MS, promise))) {
        const missing = this.#sites.flatMap(({ address }, place) =>
          this.#shards[place] === undefined ? address : [],
        );
        const where = missing.length === 0 ? "a shard" : missing.join(" and ");
        this.#hooks.alarm(
          `${who} needs all shards of queue "${this.#queue}", and waits for ${where}, which does not answer.`,
        );
        await unlessAborted(this.#signal, promise);
      }
    }
    return this.joined;
  }

  async close(): Promise<void> {
    await Promise.all(this.joined.map((shard) => shard.close()));
  }

  get #isWhole(): boolean {
    return this.#ids !== undefined && this.#shards.every((shard) => shard?.id !== undefined);
  }

  /** Tries until the shard is there. @param attempt - one that is under way */
  async #joinLater(place: number, attempt: Promise<void>): Promise<void> {
    const site = this.#sites[place];
    if (site === undefined) return;
    this.#hooks.alarm(
      `The shard at ${site.address} does not answer. The pool goes on without it until it does.`,
    );
    let isTold = false;
    await attempt.catch(() => {}); // it is told above
    while (this.#shards[place] === undefined && !this.#signal.aborted) {
      await delay(AGAIN_MS, undefined, { ref: false });
      try {
        this.#shards[place] = await site.open(false);
      } catch (error) {
        if (mayComeBack(error) || isTold || this.#signal.aborted) continue;
        isTold = true;
        this.#hooks.alarm(`The shard at ${site.address} can't be used: ${String(error)}`);
      }
    }
    const shard = this.#shards[place];
    if (shard === undefined) return;
    if (this.#signal.aborted) return await shard.close();
    try {
      await this.agree();
      this.#hooks.onJoin(shard);
    } catch (error) {
      this.#shards[place] = undefined;
      this.#hooks.alarm(`The shard at ${site.address} is not used: ${String(error)}`);
      await shard.close();
    }
  }
}

/** @throws the signal's reason, once it fires */
async function unlessAborted(signal: AbortSignal, promise: Promise<void>): Promise<void> {
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal.reason as Error);
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** Whether a shard that failed with this error may answer later. */
function mayComeBack(error: unknown): boolean {
  return (
    error instanceof RedisConnectionError && (error.reason === "unreachable" || error.reason === "not-ready")
  );
}
