/** The handle of a map: CPython's `AsyncResult`, as a thenable. */

import { GetTimeoutError, InvalidOptionError, InvalidStateError } from "@poolmq/shared";

/** How far a map has come. */
export interface MapProgress {
  /** Number of items; `undefined` until the input has been read to its end. */
  readonly total: number | undefined;
  /** Items that have their outcome, failed ones included. */
  readonly done: number;
  readonly failed: number;
}

/**
 * The result of `map` and `starmap`: await it, or ask it. It never raises an unhandled rejection: whoever does not
 * look at a result is not told of its failure.
 *
 * @typeParam R - type of one result
 */
export class MapResult<R> implements PromiseLike<R[]> {
  /** Id of the map. */
  readonly id: string;
  readonly #promise: Promise<R[]>;
  readonly #progress: () => MapProgress;
  #state: "pending" | "succeeded" | "failed" = "pending";

  /** @internal */
  constructor(id: string, promise: Promise<R[]>, progress: () => MapProgress) {
    this.id = id;
    this.#promise = promise;
    this.#progress = progress;
    promise.then(
      () => (this.#state = "succeeded"),
      () => (this.#state = "failed"),
    );
  }

  /** Counts of the items so far. */
  get progress(): MapProgress {
    return this.#progress();
  }

  then<A = R[], B = never>(
    onfulfilled?: ((results: R[]) => A | PromiseLike<A>) | null,
    onrejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#promise.then(onfulfilled, onrejected);
  }

  catch<B = never>(onrejected?: ((reason: unknown) => B | PromiseLike<B>) | null): Promise<R[] | B> {
    return this.#promise.catch(onrejected);
  }

  finally(onfinally?: (() => void) | null): Promise<R[]> {
    return this.#promise.finally(onfinally);
  }

  /**
   * Gives the results in input order.
   *
   * @throws the error of the failed item with the lowest index; GetTimeoutError after `timeoutMs` (the map goes on, and
   * can be asked again)
   */
  async get(options: { readonly timeoutMs?: number } = {}): Promise<R[]> {
    const { timeoutMs } = options;
    if (timeoutMs === undefined) return await this.#promise;
    if (!(await this.wait(timeoutMs))) throw new GetTimeoutError({ mapId: this.id, timeoutMs });
    return await this.#promise;
  }

  /** Waits until the map has ended, or `timeoutMs` have passed. True if it has ended. Never rejects with its failure. */
  async wait(timeoutMs?: number): Promise<boolean> {
    const ended = this.#promise.then(
      () => true,
      () => true,
    );
    if (timeoutMs === undefined) return await ended;
    if (typeof timeoutMs !== "number" || !(timeoutMs >= 0)) {
      throw new InvalidOptionError(`Expected \`timeoutMs\` to be a number ≥ 0, got ${String(timeoutMs)}`);
    }
    const { promise: timeout, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(resolve, Math.min(timeoutMs, 2 ** 31 - 1), false);
    try {
      return await Promise.race([ended, timeout]);
    } finally {
      clearTimeout(timer);
    }
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
    if (this.#state === "pending")
      throw new InvalidStateError(`Map ${this.id} has not ended: await it, or ask ready() first`);
    return this.#state === "succeeded";
  }

  get [Symbol.toStringTag](): string {
    return "MapResult";
  }
}
