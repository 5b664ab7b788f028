/** The results of `imap` and its siblings, as an async iterator that keeps only results that were not read yet. */

import { clearTimeout, setTimeout } from "node:timers";
import { inspect } from "node:util";
import type { InspectOptions } from "node:util";

import { GetTimeoutError } from "@poolmq/shared";
import { checkOptions } from "@poolmq/shared/internal";

import { checkTimeout } from "./handle.ts";
import type { MapInsights } from "../account/map-insights.ts";
import type { MapProgress } from "../account/map-progress.ts";
import { showHandle } from "./show-handle.ts";
import type { Item, StreamBuffer, Waiter } from "./stream-buffer.ts";
import { UnseenFailure } from "./unseen-failure.ts";
import type { CalledMap } from "./unseen-failure.ts";

/** How a stream reaches the map behind it. @internal */
export interface StreamSource extends CalledMap {
  readonly id: string;
  insights(): MapInsights;
  cancel(reason?: unknown): void;
  setPriority(priority: number | undefined): Promise<void>;
  /** Called when the reader has taken an item. */
  handOn(): void;
  /** Called with the number of reads that wait for an item, when it changes. */
  readsWait?(count: number): void;
}

/**
 * Results as an async iterator. `next()` rejects in the turn of a failed item, and its next call gives the item after it.
 * To go on after failures, call `next()` in a loop of your own, or iterate over `settled()`. Leaving a `for await` loop
 * cancels the rest.
 *
 * @typeParam R - type of one result
 */
export class ResultStream<R> implements AsyncIterableIterator<R, undefined>, AsyncDisposable {
  readonly #source: StreamSource;
  readonly #buffer: StreamBuffer<R>;
  readonly #unseen: UnseenFailure;

  static {
    // What `console.log()` shows. Defined like this, because declaration files can't express a member of this name.
    Object.defineProperty(this.prototype, inspect.custom, {
      value(this: ResultStream<unknown>, _depth: number, options: InspectOptions): string {
        return showHandle("ResultStream", this.#source, options);
      },
    });
  }

  /** @internal */
  constructor(source: StreamSource, buffer: StreamBuffer<R>) {
    this.#source = source;
    this.#buffer = buffer;
    this.#unseen = new UnseenFailure(source);
    buffer.onTaken = () => source.handOn();
    buffer.onWaiting = (count) => source.readsWait?.(count);
    // A stream that nobody reads never ends, because its window is full. So its first failure is reported.
    void buffer.firstFailure.then(({ error }) => this.#unseen.failed(this, error));
  }

  /** Id of the map. */
  get id(): string {
    return this.#source.id;
  }

  /** Counts of the items so far. */
  get progress(): MapProgress {
    return this.#source.progress();
  }

  /** Gives where the time went, so far or in all, as `MapResult.insights()`. */
  insights(): MapInsights {
    return this.#source.insights();
  }

  /**
   * Gives the next result.
   *
   * @throws what the item's function threw; GetTimeoutError after `timeoutMs` (nothing is lost: call it again);
   * InvalidOptionError
   */
  async next(options?: { readonly timeoutMs?: number | undefined }): Promise<IteratorResult<R, undefined>> {
    this.#unseen.seen();
    // Loops give none, and are not to pay for the check.
    if (options !== undefined) checkOptions(options, "options of next()", ["timeoutMs"]);
    const timeoutMs = options?.timeoutMs;
    const item = (timeoutMs === undefined ? this.#buffer.poll() : undefined) ?? (await this.#take(timeoutMs));
    if (item === undefined) return { done: true, value: undefined };
    if (item.ok) return { done: false, value: item.value };
    throw item.error;
  }

  /** Ends the stream: cancels all items that have not ended, and forgets results that were not read. */
  async return(): Promise<IteratorResult<R, undefined>> {
    this.#unseen.seen();
    this.#buffer.close();
    this.#source.cancel("the stream was closed by its reader");
    return { done: true, value: undefined };
  }

  /** Ends the stream, as `return()`, and throws the given error. */
  async throw(error: unknown): Promise<IteratorResult<R, undefined>> {
    await this.return();
    throw error;
  }

  /**
   * Cancels all items that have not ended. After the results that came in before, the next read rejects with a
   * `CancelledError`.
   */
  cancel(reason?: unknown): void {
    this.#unseen.seen();
    this.#source.cancel(reason);
  }

  /**
   * Changes the map's priority while it runs: that of waiting items and of further ones. Resolves once that is done.
   *
   * @param priority - as the option `priority` of a call: 1 is the most urgent; `undefined` is none, the least urgent
   * @throws InvalidOptionError, RedisConnectionError, RedisRefusedError
   */
  async setPriority(priority: number | undefined): Promise<void> {
    this.#unseen.seen();
    await this.#source.setPriority(priority);
  }

  /** Gives each item's outcome in its turn instead of throwing. Reads from the same stream as `next()`. */
  settled(): AsyncIterableIterator<PromiseSettledResult<R>, undefined> {
    this.#unseen.seen();
    return {
      next: async () => {
        const item = await this.#take(undefined);
        if (item === undefined) return { done: true, value: undefined };
        return {
          done: false,
          value: item.ok
            ? { status: "fulfilled", value: item.value }
            : { status: "rejected", reason: item.error },
        };
      },
      return: async () => {
        await this.return();
        return { done: true, value: undefined };
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  /** The stream itself. */
  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Ends the stream, as `return()`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  #take(timeoutMs: number | undefined): Promise<Item<R> | undefined> {
    return new Promise((resolve, reject) => {
      let timer: NodeJS.Timeout | undefined;
      const waiter: Waiter<R> = {
        deliver: (item) => {
          clearTimeout(timer);
          resolve(item);
        },
        finish: () => {
          clearTimeout(timer);
          resolve(undefined);
        },
      };
      if (timeoutMs !== undefined) {
        const ms = checkTimeout(timeoutMs);
        timer = setTimeout(() => {
          this.#buffer.forget(waiter);
          reject(new GetTimeoutError({ mapId: this.id, timeoutMs: ms }));
        }, ms);
      }
      this.#buffer.take(waiter);
    });
  }
}
