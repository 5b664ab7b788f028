/** What a stream has and its reader has not taken yet. */

import type { MapEnd, Sink } from "../map/outcomes/sink.ts";

/** What became of an item. */
export type Item<R> =
  | { readonly ok: true; readonly value: R }
  | { readonly ok: false; readonly error: unknown };

/** A read that waits for an item. */
export interface Waiter<R> {
  deliver(item: Item<R>): void;
  /** Ends the wait, because there is no further item. */
  finish(): void;
}

/** Items that came in and were not read yet, in input order or in the order in which they came. @internal */
export class StreamBuffer<R> implements Sink {
  readonly #ordered: boolean;
  readonly #items = new Map<number, Item<R>>();
  readonly #waiters: Waiter<R>[] = [];
  #next = 0;
  #end: MapEnd | undefined;
  #errorTold = false;
  readonly #failed = Promise.withResolvers<{ readonly error: unknown }>();
  onTaken: () => void = () => {};
  onWaiting: (count: number) => void = () => {};

  constructor(ordered: boolean) {
    this.#ordered = ordered;
  }

  /** Resolves when an item or the call fails. */
  get firstFailure(): Promise<{ readonly error: unknown }> {
    return this.#failed.promise;
  }

  succeeded(index: number, value: unknown): void {
    this.#add(index, { ok: true, value: value as R });
  }

  succeededAll(at: number, values: readonly unknown[]): void {
    if (this.#end !== undefined) return;
    const first = this.#ordered ? at : this.#next + this.#items.size;
    for (let offset = 0; offset < values.length; offset++) {
      this.#items.set(first + offset, { ok: true, value: values[offset] as R });
    }
    this.#deliver();
  }

  failed(index: number, error: unknown): void {
    this.#failed.resolve({ error });
    this.#add(index, { ok: false, error });
  }

  ended(end: MapEnd): void {
    if ("error" in end) this.#failed.resolve(end);
    this.#end ??= end;
    this.#deliver();
  }

  /** Gives the next item, if it is there and nobody waits for it. Most reads of a slow reader need no promise then. */
  poll(): Item<R> | undefined {
    if (this.#waiters.length > 0) return undefined;
    const item = this.#items.get(this.#next);
    if (item === undefined) return undefined;
    this.#items.delete(this.#next++);
    this.onTaken();
    return item;
  }

  take(waiter: Waiter<R>): void {
    this.#waiters.push(waiter);
    this.#deliver();
    this.onWaiting(this.#waiters.length);
  }

  forget(waiter: Waiter<R>): void {
    const index = this.#waiters.indexOf(waiter);
    if (index !== -1) this.#waiters.splice(index, 1);
    this.onWaiting(this.#waiters.length);
  }

  /** Closes the buffer, because nobody reads any more. */
  close(): void {
    this.#items.clear();
    this.#end ??= { total: 0 };
    this.#errorTold = true;
    this.#deliver();
  }

  #add(index: number, item: Item<R>): void {
    if (this.#end !== undefined) return;
    this.#items.set(this.#ordered ? index : this.#next + this.#items.size, item);
    this.#deliver();
  }

  #deliver(): void {
    while (this.#waiters.length > 0) {
      const item = this.#items.get(this.#next);
      if (item !== undefined) {
        this.#items.delete(this.#next++);
        this.onTaken();
        this.#waiters.shift()?.deliver(item);
        if (this.#waiters.length === 0) this.onWaiting(0);
      } else if (this.#end === undefined) {
        return;
      } else if ("error" in this.#end && !this.#errorTold) {
        this.#errorTold = true;
        this.#waiters.shift()?.deliver({ ok: false, error: this.#end.error });
      } else {
        this.#waiters.shift()?.finish();
      }
    }
  }
}
