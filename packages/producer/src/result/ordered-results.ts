/** The items of a map that keeps all its results: one slot per index, filled as outcomes come. */

import type { MapEnd, Sink } from "../map/outcomes/sink.ts";
import { failureGroups, noteOthers } from "./failure-groups.ts";
import type { FailureGroup } from "./failure-groups.ts";

const EMPTY = Symbol("empty");

/** Marks a slot whose item failed. It tells failures from errors that a function returned as results. */
class Failed {
  readonly error: unknown;

  constructor(error: unknown) {
    this.error = error;
  }
}

/** V8 stores an array that is created with more elements than about this as a slow hash table. */
const MAX_ROOM = 2 ** 25;

export class Slots<R> implements Sink {
  /**
   * Filled from the front. It may be longer than its filled part, because growing an array takes longer than filling it.
   */
  readonly #slots: (R | Failed | typeof EMPTY)[] = [];
  #filled = 0;
  /** Results that came before their turn, by the index of the first. */
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
   * Waits for the end of the map; gives its results, or throws the error of the failed item with the lowest index. The
   * error that arrives first depends on timing, and would not be reproducible.
   */
  async results(): Promise<R[]> {
    const end = await this.#ended.promise;
    // An error of the whole call, such as a cancel or an input that threw, is passed on as it is.
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

  /**
   * Gives the results in input order as they come. `next()` rejects for a failed item; the next call gives the item after
   * it.
   */
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
