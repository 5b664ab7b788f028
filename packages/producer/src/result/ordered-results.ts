/** The items of a map that keeps all its results: one slot per index, filled as outcomes come. */

import type { MapEnd, Sink } from "../map/outcomes/sink.ts";
import { failureGroups, noteOthers } from "./failure-groups.ts";
import type { FailureGroup } from "./failure-groups.ts";

const EMPTY = Symbol("empty");

/** Marks a slot whose item failed, so that a function may return an error as its result. */
class Failed {
  readonly error: unknown;

  constructor(error: unknown) {
    this.error = error;
  }
}

/** V8 keeps an array that is made longer than this, or not much longer, as a table. */
const MAX_ROOM = 2 ** 25;

export class Slots<R> implements Sink {
  /** Filled from the front. There may be room behind what is filled: to let it grow takes longer than to fill it. */
  readonly #slots: (R | Failed | typeof EMPTY)[] = [];
  #filled = 0;
  /** What came before its turn, by the index of the first. */
  readonly #early = new Map<number, readonly (R | Failed)[]>();
  readonly #ended = Promise.withResolvers<MapEnd>();
  #end: MapEnd | undefined;
  #failedAt = Infinity;
  #failures = 0;
  #changed: PromiseWithResolvers<void> | undefined;

  /** How the map ended, once it has. */
  get end(): MapEnd | undefined {
    return this.#end;
  }

  get whenEnded(): Promise<MapEnd> {
    return this.#ended.promise;
  }

  expect(items: number): void {
    if (items <= MAX_ROOM) this.#slots.length = items;
  }

  succeeded(index: number, value: unknown): void {
    this.#fill(index, [value as R]);
  }

  succeededAll(at: number, values: readonly unknown[]): void {
    this.#fill(at, values as readonly R[]);
  }

  failed(index: number, error: unknown): void {
    this.#failures++;
    this.#failedAt = Math.min(this.#failedAt, index);
    this.#fill(index, [new Failed(error)]);
  }

  ended(end: MapEnd): void {
    this.#end = end;
    for (const [at, values] of [...this.#early].toSorted(([a], [b]) => a - b)) {
      while (this.#filled < at) this.#slots[this.#filled++] = EMPTY;
      this.#append(values);
    }
    this.#early.clear();
    this.#slots.length = this.#filled;
    this.#ended.resolve(end);
    this.#changed?.resolve();
  }

  /**
   * Waits for the end of the map; gives its results, or throws the error of the lowest index that failed: which error
   * arrives first depends on timing, and that would not be reproducible.
   */
  async results(): Promise<R[]> {
    const end = await this.#ended.promise;
    // An input that threw, or a cancel, is told as it is: it is about the call, not about an item.
    if ("error" in end) throw end.error;
    const first = this.#slots[this.#failedAt];
    if (first instanceof Failed) {
      noteOthers(first.error, { index: this.#failedAt, failed: this.#failures, total: end.total });
      throw first.error;
    }
    return this.#slots as R[];
  }

  /** Waits for the end of the map; gives the errors of its items in groups. Throws only if the call itself was refused. */
  async failures(): Promise<readonly FailureGroup[]> {
    const end = await this.#ended.promise;
    if ("error" in end && end.items === undefined) throw end.error;
    const failures = this.#slots.flatMap((slot, index) =>
      slot instanceof Failed ? [[index, slot.error] as const] : [],
    );
    return failureGroups(failures);
  }

  /**
   * Waits for the end of the map; gives every item's outcome. Those that never got one were ended with the map. Throws
   * only if the call itself was refused: then there are no items.
   */
  async settled(): Promise<PromiseSettledResult<R>[]> {
    const end = await this.#ended.promise;
    if ("error" in end && end.items === undefined) throw end.error;
    const items = "error" in end ? (end.items ?? 0) : end.total;
    return Array.from({ length: items }, (_, index): PromiseSettledResult<R> => {
      const slot = index < this.#slots.length ? this.#slots[index] : EMPTY;
      if (slot instanceof Failed) return { status: "rejected", reason: slot.error };
      if (slot !== EMPTY) return { status: "fulfilled", value: slot as R };
      return { status: "rejected", reason: "error" in end ? end.error : undefined };
    });
  }

  /** Gives the results in input order as they come. A failed item's turn rejects; the next turn goes on after it. */
  iterate(): AsyncIterableIterator<R> {
    let index = 0;
    const next = async (): Promise<IteratorResult<R, undefined>> => {
      const mine = index++;
      for (;;) {
        const slot = mine < this.#filled ? this.#slots[mine] : EMPTY;
        if (slot instanceof Failed) throw slot.error;
        if (slot !== EMPTY) return { done: false, value: slot as R };
        if (this.#end !== undefined) {
          index = Infinity;
          if ("error" in this.#end && mine !== Infinity) throw this.#end.error;
          return { done: true, value: undefined };
        }
        this.#changed ??= Promise.withResolvers();
        await this.#changed.promise;
      }
    };
    return {
      next,
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  #fill(at: number, values: readonly (R | Failed)[]): void {
    if (at === this.#filled) {
      for (let next: typeof values | undefined = values; next !== undefined; next = this.#takeEarly()) {
        this.#append(next);
      }
    } else {
      this.#early.set(at, values);
    }
    this.#changed?.resolve();
    this.#changed = undefined;
  }

  #takeEarly(): readonly (R | Failed)[] | undefined {
    if (this.#early.size === 0) return undefined;
    const values = this.#early.get(this.#filled);
    this.#early.delete(this.#filled);
    return values;
  }

  #append(values: readonly (R | Failed)[]): void {
    const slots = this.#slots;
    const at = this.#filled;
    for (let offset = 0; offset < values.length; offset++) slots[at + offset] = values[offset] as R | Failed;
    this.#filled += values.length;
  }
}
