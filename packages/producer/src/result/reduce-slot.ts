/** The value of a `mapReduce`, and the errors of its items. It does what `Slots` does where all results are kept. */

import { EmptyInputError } from "@poolmq/shared";

import type { MapEnd, Sink } from "../map/outcomes/sink.ts";
import { failureGroups, noteOthers } from "./failure-groups.ts";
import type { FailureGroup } from "./failure-groups.ts";
import { iterateOnce } from "./iterate-once.ts";
import { PartialFold } from "./partial-fold.ts";
import type { ReduceFunction } from "./partial-fold.ts";

interface ReduceSlotOptions {
  /** Name of the pool's method. */
  readonly call: string;
  readonly ordered: boolean;
  readonly initial: { readonly value: unknown } | undefined;
}

export class ReduceSlot<R> implements Sink {
  /** Settles when the map has ended and all results are folded. */
  readonly value: Promise<R>;
  readonly #options: ReduceSlotOptions;
  readonly #settled = Promise.withResolvers<R>();
  readonly #failures: [index: number, error: unknown][] = [];
  #fold: PartialFold | undefined;
  #end: MapEnd | undefined;

  constructor(options: ReduceSlotOptions) {
    this.#options = options;
    this.value = this.#settled.promise;
  }

  /** How the map ended, once it has. */
  get end(): MapEnd | undefined {
    return this.#end;
  }

  /** Sets the reducer, before the first result comes in. @param cancel - ends the map, if the reducer fails */
  begin(reduce: ReduceFunction, cancel: (error: unknown) => void): void {
    this.#fold = new PartialFold(reduce, this.#options, cancel);
  }

  succeeded(index: number, value: unknown): void {
    this.#fold?.add(index, [value]);
  }

  succeededAll(at: number, values: readonly unknown[]): void {
    this.#fold?.add(at, values);
  }

  failed(index: number, error: unknown): void {
    this.#failures.push([index, error]);
    this.#fold?.stop();
  }

  ended(end: MapEnd): void {
    this.#end = end;
    this.#result(end).then(this.#settled.resolve, this.#settled.reject);
  }

  /** Waits for the end; gives the errors of the items in groups. Throws only if the call itself was refused. */
  async failures(): Promise<readonly FailureGroup[]> {
    await this.#whenRun();
    return failureGroups(this.#failures.toSorted(([a], [b]) => a - b));
  }

  /** Waits for the end; gives the value, or why there is none. Throws only if the call itself was refused. */
  async settled(): Promise<PromiseSettledResult<R>[]> {
    await this.#whenRun();
    return await Promise.allSettled([this.value]);
  }

  /** Gives the value. */
  iterate(): AsyncIterableIterator<R> {
    return iterateOnce(this.value);
  }

  async #result(end: MapEnd): Promise<R> {
    if ("error" in end) {
      this.#fold?.stop();
      throw end.error;
    }
    if (this.#failures.length > 0) throw this.#firstFailure(end.total);
    const values = (await this.#fold?.result()) ?? [];
    if (values.length === 0) throw new EmptyInputError({ call: this.#options.call });
    return values[0] as R;
  }

  /**
   * The error of the failed item with the lowest index. The error that arrives first depends on timing, and would not be
   * reproducible.
   */
  #firstFailure(total: number): unknown {
    const failed = this.#failures.length;
    const [index, error] = this.#failures.reduce((a, b) => (b[0] < a[0] ? b : a));
    noteOthers(error, { index, failed, total });
    return error;
  }

  async #whenRun(): Promise<void> {
    const end = (): MapEnd => this.#end ?? { total: 0 };
    const ended = await this.value.then(end, end);
    if ("error" in ended && ended.items === undefined) throw ended.error;
  }
}
