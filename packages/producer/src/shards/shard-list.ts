/**
 * Opens the shards of a queue, agrees on them with other processes, and watches them. A pool starts when one of them
 * answers; the others join when they answer.
 */

import { setTimeout as delay } from "node:timers/promises";

import { RedisConnectionError } from "@poolmq/shared";
import { settlesWithin, unlessAborted } from "@poolmq/shared/internal";
import { agreeOnShards } from "@poolmq/shared/redis";
import type { ShardPlace } from "@poolmq/shared/redis";

import type { Shard } from "./shard.ts";

/** How long the start waits for other shards once one answers, in ms. */
const OTHERS_MS = 1_000;

/** How long to wait before a shard that does not answer is tried again, in ms. */
const AGAIN_MS = 500;

/** After this long, in ms, a warning names the shards that are missing, if all are needed. */
const PATIENCE_MS = 1_000;

/** Where a shard is, and how it is opened. */
export interface ShardSite {
  readonly address: string;
  /**
   * Connects. @param isFirst - whether this is the first attempt, which may take as long as the pool's options allow;
   * later ones are shorter
   */
  open(isFirst: boolean): Promise<Shard>;
}

interface ListHooks {
  /** Called when a shard may be sent something for the first time. */
  onJoin(shard: Shard): void;
  alarm(message: string): void;
}

export class ShardList {
  readonly #queue: string;
  readonly #sites: readonly ShardSite[];
  readonly #hooks: ListHooks;
  readonly #signal: AbortSignal;
  /** By site; absent if it has never answered. */
  readonly #shards: (Shard | undefined)[];
  /** Those on which maps are open: what is sent to another one would be lost. */
  readonly #joined = new Set<Shard>();
  readonly #untilAll = new Set<() => void>();
  #ids: readonly string[] | undefined;

  /**
   * @param sites - in an order that is the same for all processes with the same shards
   * @param signal - aborts attempts to connect
   */
  constructor(queue: string, sites: readonly ShardSite[], hooks: ListHooks, signal: AbortSignal) {
    this.#queue = queue;
    this.#sites = sites;
    this.#hooks = hooks;
    this.#signal = signal;
    this.#shards = sites.map(() => undefined);
  }

  /** The shards that have answered at least once. */
  get joined(): Shard[] {
    return this.#shards.flatMap((shard) => (shard !== undefined && this.#joined.has(shard) ? shard : []));
  }

  /** Whether the pool has ended, so that shards refuse everything. */
  get isClosed(): boolean {
    return this.#signal.aborted;
  }

  get serving(): Shard[] {
    return this.joined.filter(({ isServing }) => isServing);
  }

  /** Ids of all shards; `undefined` until they are agreed on. */
  get ids(): readonly string[] | undefined {
    return this.#ids;
  }

  /**
   * Resolves once a shard answers, and others that answer soon have joined.
   *
   * @throws RedisConnectionError if none answers, or if one can't be used; ShardMismatchError
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
    hopeless.catch(() => {}); // callers that still wait get the error
    await Promise.race([hopeless, Promise.any([first.promise, all])]);
    await Promise.race([hopeless, settlesWithin(OTHERS_MS, all)]);
    if (this.#shards.every((shard) => shard === undefined)) {
      // All have failed; the first error is thrown.
      await Promise.all(attempts);
    }
    await this.agree();
    for (const [place, attempt] of attempts.entries()) {
      const shard = this.#shards[place];
      // One that came while the others were asked has not joined.
      if (shard === undefined || !this.#joined.has(shard)) void this.#joinLater(place, attempt);
    }
  }

  /**
   * Checks with all shards that answer that the queue is spread over these shards. New ones among them have joined then.
   *
   * @throws ShardMismatchError
   */
  async agree(): Promise<void> {
    const asked = this.#shards.filter((shard) => shard !== undefined);
    const places = this.#shards.map((shard): ShardPlace | undefined =>
      shard?.isSilent === true ? undefined : shard,
    );
    const addresses = this.#sites.map(({ address }) => address);
    const { ids, own } = await agreeOnShards(places, { queue: this.#queue, who: "producer", addresses });
    this.#ids ??= ids;
    for (const [place, shard] of this.#shards.entries()) if (shard !== undefined) shard.id ??= own[place];
    for (const shard of asked) {
      if (this.#joined.has(shard)) continue;
      this.#joined.add(shard);
      this.#hooks.onJoin(shard);
    }
    if (!this.#isWhole) return;
    for (const there of this.#untilAll) there();
    this.#untilAll.clear();
  }

  /**
   * Waits until all shards have answered at least once, and their ids are known.
   *
   * @param who - for the warning if it takes long, such as "Map x"
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
    await Promise.all(this.#shards.map(async (shard) => await shard?.close()));
  }

  get #isWhole(): boolean {
    return this.#ids !== undefined && this.#shards.every((shard) => shard?.id !== undefined);
  }

  /** Tries again until the shard answers. @param attempt - the attempt that is under way */
  async #joinLater(place: number, attempt: Promise<void>): Promise<void> {
    const site = this.#sites[place];
    if (site === undefined) return;
    if (this.#shards[place] === undefined) {
      this.#hooks.alarm(
        `The shard at ${site.address} does not answer. The pool goes on without it until it does.`,
      );
    }
    let isTold = false;
    await attempt.catch(() => {}); // handled above
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
    } catch (error) {
      this.#shards[place] = undefined;
      this.#joined.delete(shard);
      this.#hooks.alarm(`The shard at ${site.address} is not used: ${String(error)}`);
      await shard.close();
    }
  }
}

/** Whether a shard that failed with this error may answer later. */
function mayComeBack(error: unknown): boolean {
  return (
    error instanceof RedisConnectionError && (error.reason === "unreachable" || error.reason === "not-ready")
  );
}
