/** What the handles of `map` and `apply` have in common: CPython's `AsyncResult`, as a thenable. */

import { inspect } from "node:util";
import type { InspectOptions } from "node:util";

import { GetTimeoutError, InvalidOptionError, InvalidStateError } from "@poolmq/shared";
import { checkOptions, inspectBriefly, settlesWithin } from "@poolmq/shared/internal";

import type { MapInsights } from "../account/map-insights.ts";
import type { MapProgress } from "../account/map-progress.ts";
import type { MapEnd } from "../map/outcomes/sink.ts";
import type { FailureGroup } from "./failure-groups.ts";
import { showHandle } from "./show-handle.ts";
import { UnseenFailure } from "./unseen-failure.ts";
import type { CalledMap } from "./unseen-failure.ts";

/** How a handle reaches the map behind it. @internal */
export interface HandledMap extends CalledMap {
  readonly id: string;
  insights(): MapInsights;
  cancel(reason?: unknown): void;
  /** Sets the map's priority; `undefined`: none. */
  setPriority(priority: number | undefined): Promise<void>;
  /** Leaves a durable map to other processes, once all of it is in Redis. Gives false if it ended before. */
  detach(): Promise<boolean>;
  /** Forgets a durable map that is kept. */
  acknowledge(): Promise<void>;
  /** Called when somebody looks at the results, or waits for them. */
  look?(): void;
}

/** How a handle reaches the outcomes of its items. @internal */
export interface HandledItems<R> {
  /** How the map ended, once it has. */
  readonly end: MapEnd | undefined;
  settled(): Promise<PromiseSettledResult<R>[]>;
  iterate(): AsyncIterableIterator<R>;
  failures(): Promise<readonly FailureGroup[]>;
}

/**
 * A value that workers are computing. Await it, or call its methods. A failure is never an unhandled rejection, which
 * would end the process, because many handles are looked at long after their map has failed. If nobody ever looks, a
 * warning says so.
 *
 * @typeParam V - what `await` gives
 * @typeParam R - type of one result
 */
export abstract class Handle<V, R> implements PromiseLike<V>, AsyncIterable<R> {
  readonly #map: HandledMap;
  readonly #items: HandledItems<R>;
  readonly #value: Promise<V>;
  readonly #unseen: UnseenFailure;
  #state: "pending" | "succeeded" | "failed" = "pending";

  static {
    // What `console.log()` shows. Defined like this, because declaration files can't express a member of this name.
    void Object.defineProperty(this.prototype, inspect.custom, {
      value(this: Handle<unknown, unknown>, _depth: number, options: InspectOptions): string {
        return showHandle(this.constructor.name, this.#map, options);
      },
    });
  }

  /** @internal */
  constructor(map: HandledMap, items: HandledItems<R>, value: Promise<V>) {
    this.#map = map;
    this.#items = items;
    this.#value = value;
    this.#unseen = new UnseenFailure(map);
    value.then(
      () => (this.#state = "succeeded"),
      (error: unknown) => {
        this.#state = "failed";
        this.#unseen.failed(this, error);
      },
    );
  }

  /** Id of the map: `mapId`, or one that was made for it. */
  get id(): string {
    return this.#map.id;
  }

  /** Counts of the items so far. */
  get progress(): MapProgress {
    return this.#map.progress();
  }

  /**
   * Gives where the time went, so far or in all: how long items waited and ran, which were the slowest, what each process
   * did. `String(…)` of it gives a readable paragraph.
   */
  insights(): MapInsights {
    return this.#map.insights();
  }

  /** As a promise's `then`, which makes `await` work. */
  then<A = V, B = never>(
    onfulfilled?: ((value: V) => A | PromiseLike<A>) | null,
    onrejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#looked.then(onfulfilled, onrejected);
  }

  /** As a promise's `catch`. */
  catch<B = never>(onrejected?: ((reason: unknown) => B | PromiseLike<B>) | null): Promise<V | B> {
    return this.#looked.catch(onrejected);
  }

  /** As a promise's `finally`. */
  finally(onfinally?: (() => void) | null): Promise<V> {
    return this.#looked.finally(onfinally);
  }

  /**
   * Waits for the value.
   *
   * @throws what `await` throws; GetTimeoutError after `timeoutMs` (the map goes on, and `get` can be called again);
   * InvalidOptionError
   */
  async get(options: { readonly timeoutMs?: number | undefined } = {}): Promise<V> {
    checkOptions(options, "options of get()", ["timeoutMs"]);
    const { timeoutMs } = options;
    if (timeoutMs !== undefined && !(await this.wait(timeoutMs))) {
      throw new GetTimeoutError({ mapId: this.id, timeoutMs });
    }
    return await this.#looked;
  }

  /** Waits until the map has ended, or `timeoutMs` have passed. True if it has ended. Never rejects with its failure. */
  async wait(timeoutMs?: number): Promise<boolean> {
    const ended = this.#looked.then(
      () => true,
      () => true,
    );
    return timeoutMs === undefined ? await ended : await settlesWithin(checkTimeout(timeoutMs), ended);
  }

  /** True once the map has ended, either way. */
  ready(): boolean {
    return this.#state !== "pending";
  }

  /**
   * True if every item succeeded.
   *
   * @throws InvalidStateError while the map has not ended
   */
  successful(): boolean {
    this.#see();
    if (this.#state !== "pending") return this.#state === "succeeded";
    throw new InvalidStateError(`Map ${this.id} has not ended: await it, or ask ready() first`);
  }

  /**
   * Cancels all items that have not ended: waiting ones are removed, and running ones are stopped by their `AbortSignal`,
   * then killed. The handle rejects with a `CancelledError`.
   *
   * @param reason - becomes the `cause` of that error
   */
  cancel(reason?: unknown): void {
    this.#see();
    this.#map.cancel(reason);
  }

  /**
   * Changes the map's priority while it runs: that of waiting items and of further ones. Resolves once that is done.
   *
   * @param priority - as the option `priority` of a call: 1 is the most urgent; `undefined` is none, the least urgent
   * @throws InvalidOptionError, RedisConnectionError, RedisRefusedError
   */
  async setPriority(priority: number | undefined): Promise<void> {
    this.#unseen.seen();
    await this.#map.setPriority(priority);
  }

  /**
   * Leaves a map with `mapId` to a process that calls `attach()`. Resolves once all its items are in Redis. Workers then
   * run them, and their results wait there, even if this process is killed a moment later. This handle then rejects with
   * a `CancelledError`, unless the map has ended already.
   *
   * @throws the error with which the call was refused; InvalidStateError if it has no `mapId`
   */
  async detach(): Promise<void> {
    this.#unseen.seen();
    if (await this.#map.detach()) return;
    const { end } = this.#items;
    if (end !== undefined && "error" in end) throw end.error;
  }

  /**
   * To be called when the results are stored elsewhere: removes the map from Redis at once, and not only after `keepMs`.
   *
   * @throws InvalidStateError if the map has not ended, or has no `mapId`; RedisConnectionError, RedisRefusedError
   */
  async acknowledge(): Promise<void> {
    this.#unseen.seen();
    if (this.#state === "pending") {
      throw new InvalidStateError(
        `Map ${this.id} has not ended: await it before acknowledge(), or cancel() it`,
      );
    }
    await this.#map.acknowledge();
  }

  /**
   * Waits for the end; gives every item's outcome in input order. Never rejects because of an item, or because the map
   * was cancelled.
   *
   * @throws what the call was refused with
   */
  async settled(): Promise<PromiseSettledResult<R>[]> {
    this.#see();
    return await this.#items.settled();
  }

  /**
   * Waits for the end; gives the errors of failed items in groups, the largest first. Errors are of one group if they
   * have the same name, and messages that differ in numbers at most.
   *
   * @throws what the call was refused with
   * @example
   * ```ts
   * const parsed = pool.map("parse", ["1", "x", "y"]);
   * for (const { name, count, indices } of await parsed.errors()) {
   *   console.log(name, count, indices); // RangeError 2 [ 1, 2 ]
   * }
   * ```
   */
  async errors(): Promise<readonly FailureGroup[]> {
    this.#see();
    return await this.#items.failures();
  }

  /**
   * Gives the results in input order as they come. `next()` rejects for a failed item; the next call gives the item after
   * it.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<R> {
    this.#see();
    return this.#items.iterate();
  }

  /** The value, for a caller who will see its failure. */
  get #looked(): Promise<V> {
    this.#see();
    return this.#value;
  }

  /** Notes that somebody looks at the results, or waits for them. */
  #see(): void {
    this.#unseen.seen();
    this.#map.look?.();
  }

  /** Name of the class, for messages. */
  get [Symbol.toStringTag](): string {
    return this.constructor.name;
  }
}

/** Gives a time-out in ms that a timer can wait. @throws InvalidOptionError */
export function checkTimeout(timeoutMs: unknown): number {
  if (typeof timeoutMs === "number" && timeoutMs >= 0) return Math.min(timeoutMs, 2 ** 31 - 1);
  throw new InvalidOptionError(`Expected \`timeoutMs\` to be a number ≥ 0, got ${inspectBriefly(timeoutMs)}`);
}
